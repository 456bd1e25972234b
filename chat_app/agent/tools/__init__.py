"""The agent's own tools: each is a coroutine under @tool in a module of this package, listed in TOOLS, and named in
`chat_app.tool_names`."""

from agents import Tool

from chat_app.tool_names import tool_names

from .clock import current_time
from .reading import list_directory, read_file, search_files
from .results import read_result
from .searching import search_conversations, search_documents
from .writing import edit_file, generate_document

TOOLS: list[Tool] = [
    list_directory,
    read_file,
    search_files,
    search_documents,
    search_conversations,
    read_result,
    edit_file,
    generate_document,
    current_time,
]


def tools_at_hand() -> list[Tool]:
    """Without those that the settings do not allow."""
    names = tool_names()
    return [tool for tool in TOOLS if tool.name in names]
