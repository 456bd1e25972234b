"""An MCP server over streamable HTTP, with the SDK: `python mcp_http_server.py PORT`."""

import sys

from mcp.server import MCPServer

server = MCPServer("remote", log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


@server.tool()
def flood() -> str:
    """Too much, though written within a moment."""
    return "x" * 8 * 1024 * 1024


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
