"""Who serves models: which providers there are, of what kinds, what is known of their models, where they are asked."""
