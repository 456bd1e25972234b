"""The agent's own tools: each is a coroutine under @tool in a module of this package, and listed in TOOLS."""

from agents import Tool
from django.conf import settings

from sessions_app.search.shelves import OFF, scheme

from .clock import current_time
from .reading import list_directory, read_file, search_files
from .searching import search_conversations, search_documents
from .writing import edit_file, generate_document

TOOLS: list[Tool] = [
    list_directory,
    read_file,
    search_files,
    search_documents,
    search_conversations,
    edit_file,
    generate_document,
    current_time,
]


def tools_at_hand() -> list[Tool]:
    """Without those that the settings do not allow."""
    absent: list[Tool] = [] if settings.SEARCH_CONVERSATIONS else [search_conversations]
    if scheme() == OFF:
        absent = [search_documents, search_conversations]
    return [tool for tool in TOOLS if tool not in absent]
