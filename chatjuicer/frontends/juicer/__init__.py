"""Today's Chat Juicer client, desktop and web: /api/v1, and its frames on plain sockets."""
