"""The agent's own tools: each is a coroutine under @tool in a module of this package, and listed in TOOLS."""

from agents import Tool

from .clock import current_time

TOOLS: list[Tool] = [current_time]
