"""How this client calls itself. The server knows a spent refresh token that comes twice by it: it must not vary."""

USER_AGENT = "chatjuicer-client"
