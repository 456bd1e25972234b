"""Moving in from an original Chat Juicer: its PostgreSQL database, and the folder of its sessions' files."""
