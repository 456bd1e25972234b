"""Which of the server's own tools an agent can have. Names alone: the tools themselves are loaded with the agent."""

from django.conf import settings

from sessions_app.search.shelves import OFF, scheme

TOOL_NAMES = (
    "list_directory",
    "read_file",
    "search_files",
    "search_documents",
    "search_conversations",
    "read_result",
    "edit_file",
    "generate_document",
    "current_time",
)


def tool_names() -> list[str]:
    """Without those that the settings do not allow."""
    absent = [] if settings.SEARCH_CONVERSATIONS else ["search_conversations"]
    if scheme() == OFF:
        absent = ["search_documents", "search_conversations"]
    return [name for name in TOOL_NAMES if name not in absent]
