"""The backend `qdrant-edge`: the engine of Qdrant, embedded."""
