"""A trained encoder → an ONNX bundle for CPU, checked against the model it was made from."""
