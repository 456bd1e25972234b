"""The agent's own tools: each is a coroutine under @tool in a module of this package, and listed in TOOLS."""

from agents import Tool

from .clock import current_time
from .reading import list_directory, read_file, search_files
from .writing import edit_file, generate_document

TOOLS: list[Tool] = [list_directory, read_file, search_files, edit_file, generate_document, current_time]
