"""The functions through which a message's text and a delta pass, noted by a server in which they are wrapped."""
