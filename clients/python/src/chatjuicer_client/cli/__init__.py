"""The command line, over the same client that programs use."""
