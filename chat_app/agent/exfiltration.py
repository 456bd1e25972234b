"""A tool that can carry data out asks first, once something that a stranger may have written was read.

A file, a page or a tool's output may hold instructions, and a model may follow them: read a file, then fetch an address
with its content in it. What a person has written verbatim holds nothing that the person did not put there.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any, TypeAlias
from uuid import UUID

from agents import RunContextWrapper
from django.conf import settings
from mcp.types import Tool as Listed
from yarl import URL

from chat_app.database import in_database
from sessions_app.models import ChatSession, Message

from .transcript import Transcript

MAX_MESSAGES = 500  # of the person's, the newest
SHORT_NUMBER = 6
"""Characters of a number that tells next to nothing, such as how much of a page is wanted."""

Asks: TypeAlias = Callable[[RunContextWrapper[Any], dict[str, Any], str], Awaitable[bool]]


def exfiltrates(entry: dict[str, Any], listed: Listed) -> bool:
    """Whether a call of that MCP server's tool can reach strangers. The entry of the settings goes before what the tool
    declares of itself."""
    match entry.get("exfiltrates"):
        case bool(said):
            return said
        case list(names):
            return listed.name in names
    return bool(listed.annotations and listed.annotations.open_world_hint)


def asking_first(declared: Collection[str]) -> Asks:
    """For the SDK, which asks it of each call of such a tool; `declared` are the names of the tool's parameters."""

    async def asks(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
        transcript: Transcript = context.context
        carried = [text for text in texts_in(arguments, declared) if text and not is_allowed(text)]
        return bool(carried) and await in_database(
            carries_out, transcript.request.session_pk, carried, transcript.context.has_outputs
        )

    return asks


def carries_out(session_pk: UUID, carried: list[str], has_read: bool) -> bool:
    """Whether one of these texts is not the person's own, once a stranger may have had a say in the session."""
    messages = Message.objects.filter(session_id=session_pk)
    # A copy of somebody's page, or an import: who has written what is in it, nobody knows.
    came_from_elsewhere = ChatSession.objects.filter(pk=session_pk).exclude(origin="").exists()
    # A call that has not ended told nothing yet: the very one that is asked about may be among them.
    told = messages.filter(role=Message.Role.TOOL_CALL).exclude(status=Message.Status.PENDING)
    if not (has_read or came_from_elsewhere or told.exists() or _has_attachments(messages)):
        return False
    theirs = messages.filter(role=Message.Role.USER)
    if came_from_elsewhere:
        theirs = theirs.exclude(run_id=None)  # what was said since is answered by runs
    said = list(theirs.order_by("-position").values_list("content", flat=True)[:MAX_MESSAGES])
    return not all(any(text in words for words in said) for text in carried)


def _has_attachments(messages: Any) -> bool:
    """A picture or a document may hold instructions as well as a page."""
    some = messages.filter(role=Message.Role.USER).exclude(metadata={}).values_list("metadata", flat=True)
    return any("attachments" in metadata for metadata in some.iterator(chunk_size=100))


def is_allowed(text: str) -> bool:
    """Whether it is an address of one of FETCH_ALLOWED_HOSTS, read as the fetch tool reads it."""
    try:
        host = URL(text).host or ""
    except (ValueError, TypeError):
        return False
    return any(
        host == name.removeprefix(".") or (name.startswith(".") and host.endswith(name))
        for name in settings.FETCH_ALLOWED_HOSTS
    )


def texts_in(arguments: dict[str, Any], declared: Collection[str]) -> Iterator[str]:
    """What a call can carry: every text in its arguments, names that nobody has declared, and numbers, but for a short
    one that is an argument by itself."""
    for name, value in arguments.items():
        if name not in declared:
            yield name
        if not (isinstance(value, int | float) and len(str(value)) <= SHORT_NUMBER):
            yield from _below(value)


def _below(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value.strip()
        case bool() | None:
            return
        case int() | float():
            yield str(value)
        case list():
            for item in value:
                yield from _below(item)
        case dict():
            for name, item in value.items():
                yield name
                yield from _below(item)
