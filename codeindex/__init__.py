"""codeindex turns code into a searchable vector index in which every part is a plugin."""

__version__ = "0.1.0"
