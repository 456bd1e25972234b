"""MCP servers that people add for themselves, over REST."""
