"""Providers of models that administrators add, over REST and in the admin."""
