"""The MCP servers of the settings. Nothing that one of them does costs more than its own calls."""

from .toolbox import Toolbox, start_shared, stop_all, toolbox_for

__all__ = ["Toolbox", "start_shared", "stop_all", "toolbox_for"]
