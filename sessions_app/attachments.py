"""Images and documents that come with a message: an app that keeps files registers how it keeps them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sessions_app.exceptions import AttachmentsUnsupported

if TYPE_CHECKING:
    from sessions_app.models import ChatSession, Message

Poster: TypeAlias = Callable[["ChatSession", str, str, Sequence[str], Sequence[str]], "Message"]

_poster: Poster | None = None


def register(poster: Poster) -> None:
    """`poster(session, role, content, images, documents)` does what `ChatSession.post` does, with attachments.

    Images are base64 texts, and are kept as files; documents are names of the session's files. What is wrong
    about them is raised as an ApiError, and nothing is kept.
    """
    global _poster
    _poster = poster


def post(session: "ChatSession", role: str, content: str, images: Sequence[str], documents: Sequence[str]) -> "Message":
    if not images and not documents:
        return session.post(role, content)
    if _poster is None:
        raise AttachmentsUnsupported()
    return _poster(session, role, content, images, documents)
