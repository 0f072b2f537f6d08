"""From papers and links to papers with code: clone, read, write; the command is a thin layer."""
