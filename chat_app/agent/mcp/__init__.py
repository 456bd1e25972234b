"""The MCP servers of the settings. A server that fails costs a run no more than the calls of its own tools."""

from .toolbox import Toolbox, start_shared, stop_all, toolbox_for

__all__ = ["Toolbox", "start_shared", "stop_all", "toolbox_for"]
