"""Questions that a developer asks of a code base, and the files that answer them."""
