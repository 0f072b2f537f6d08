"""Similar: from a place in a file to the code of an index that is most like what stands there."""
