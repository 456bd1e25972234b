"""The MCP servers of the settings, and those that people have added. A server that fails costs a run no more than the
calls of its own tools."""

from .authorization import OwnServers
from .toolbox import Toolbox, start_shared, stop_all, toolbox_for

__all__ = ["OwnServers", "Toolbox", "start_shared", "stop_all", "toolbox_for"]
