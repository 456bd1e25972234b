"""A conversation shown to whoever has its address: a page without scripts, as it was when it was shared."""
