"""Finding what was said: words, queries, and the walk through the index."""
