"""The agent's own tools. A module of this package writes a coroutine, decorates it with @tool, and is listed in TOOLS."""

from agents import Tool

from .clock import current_time

TOOLS: list[Tool] = [current_time]
