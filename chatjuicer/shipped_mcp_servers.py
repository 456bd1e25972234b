import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def shipped_mcp_servers(directory: Path, fetch_ports: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The MCP servers that come with the server, as entries of MCP_SERVERS. They run in `directory`."""
    return {
        "sequential-thinking": _program("sequential_thinking", directory),
        "fetch": _program("fetch", directory) | {"network": True, "env": {"FETCH_PORTS": ",".join(fetch_ports)}},
    }


def _program(module: str, directory: Path) -> dict[str, Any]:
    return {
        "transport": "stdio",
        "command": sys.executable,
        "args": ["-m", f"chat_app.agent.mcp_servers.{module}"],
        "cwd": str(directory),
    }
