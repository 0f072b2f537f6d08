"""The backend `qdrant`: vectors and snippets on a Qdrant server or cluster."""
