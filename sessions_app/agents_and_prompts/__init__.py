"""Agents and prompts over REST."""
