"""The worked run: real packages → pairs → a fine-tuned encoder → an int8 bundle, measured."""
