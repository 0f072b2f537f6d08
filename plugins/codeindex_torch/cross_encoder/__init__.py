"""A cross-encoder → a reranker bundle for CPU, checked against the model it was made from."""
