"""One conversation as a document to keep: JSON, which can be imported again, or Markdown. In pieces, as it is read."""

from __future__ import annotations

from collections.abc import Iterator

from sessions_app.models import ChatSession, Message

from .lines import lines_of
from .records import CONVERSATION, VERSION_OF_SESSIONS, FileLine, MessageLine, encode
from .visible import messages_shown

GROUPS = (b"files", b"messages", b"context")  # in which order the lines of a session come; all are there, also empty
SPEAKERS = {Message.Role.USER: "You", Message.Role.ASSISTANT: "Assistant", Message.Role.SYSTEM: "System"}


def as_json(session: ChatSession) -> Iterator[bytes]:
    """What the archive has of it, as one object; bytes of files are not in it."""
    parts = lines_of(session)
    head, _ = next(parts)
    yield b'{"format":"%s","version":%d,"session":%s' % (CONVERSATION.encode(), VERSION_OF_SESSIONS, encode(head))
    place, began = 0, False
    yield b',"%s":[' % GROUPS[0]
    for line, _ in parts:
        here = 0 if isinstance(line, FileLine) else 1 if isinstance(line, MessageLine) else 2
        for group in GROUPS[place + 1 : here + 1]:
            yield b'],"%s":[' % group
            place, began = here, False
        yield (b"," if began else b"") + encode(line)
        began = True
    for group in GROUPS[place + 1 :]:
        yield b'],"%s":[' % group
    yield b"]}\n"


def as_markdown(session: ChatSession) -> Iterator[bytes]:
    yield f"# {title_of(session)}\n\n{session.created_at:%Y-%m-%d %H:%M} UTC\n".encode()
    for message in messages_shown(session):
        yield f"\n{markdown_of(message)}\n".encode()


def title_of(session: ChatSession) -> str:
    return " ".join(session.title.split()) or "Conversation"


def markdown_of(message: Message) -> str:
    if message.role == Message.Role.TOOL_CALL:
        told = (("arguments", message.tool_arguments), ("result", message.tool_result))
        blocks = [f"{name}:\n\n{fenced(text)}" for name, text in told if text]
        return "\n\n".join([f"### Tool: {message.tool_name}", *blocks])
    parts = [f"## {SPEAKERS[Message.Role(message.role)]}", message.content]
    if names := attached(message):
        parts.append("Attached: " + ", ".join(f"`{name}`" for name in names))
    if message.error:
        parts.append(f"*{message.error.message}*")
    elif message.partial:
        parts.append("*(cut short)*")
    return "\n\n".join(filter(None, parts))


def fenced(text: str) -> str:
    """In a fence that the text does not hold."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def attached(message: Message) -> list[str]:
    """Paths of files that came with it."""
    attachments = message.metadata.get("attachments")
    found = attachments if isinstance(attachments, list) else []
    return [str(one["path"]) for one in found if isinstance(one, dict) and "path" in one]
