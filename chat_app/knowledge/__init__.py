"""Searching documents for whoever asks, the model or a person: what was not read yet is read first."""
