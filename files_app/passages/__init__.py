"""Finding what stands in files: their text in passages, and the walk through their index."""
