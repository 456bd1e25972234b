"""The MCP servers of the settings, and those that people have added. A server that fails costs a run no more than the
calls of its own tools."""

from .authorization import OwnServers
from .toolbox import PATIENCE_S, RESUME_PATIENCE_S, Toolbox, start_shared, stop_all, toolbox_for

__all__ = [
    "PATIENCE_S",
    "RESUME_PATIENCE_S",
    "OwnServers",
    "Toolbox",
    "start_shared",
    "stop_all",
    "toolbox_for",
]
