"""Images and documents that come with a message: the app that keeps files registers how it keeps them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sessions_app.exceptions import AttachmentsUnsupported

if TYPE_CHECKING:
    from sessions_app.models import ChatSession


class Kept(NamedTuple):
    """What a message says of its files, and what the model is given in its place."""

    metadata: dict[str, Any]
    context: str | list[dict[str, Any]]


Keep: TypeAlias = Callable[[str], Kept]
Bringer: TypeAlias = Callable[["ChatSession", Sequence[str], Sequence[str]], AbstractContextManager[Keep]]

_bringer: Bringer | None = None


def register(bringer: Bringer) -> None:
    """`bringer(session, images, documents)`: images are base64 texts, documents names of the session's files.

    On entry it checks and stores the bytes, outside of any transaction; what it gives, called with the message's text
    in the transaction that adds the message, makes them the session's files. What is wrong is raised as an ApiError.
    """
    global _bringer
    _bringer = bringer


def brought(session: "ChatSession", images: Sequence[str], documents: Sequence[str]) -> AbstractContextManager[Keep]:
    """Raises AttachmentsUnsupported where no files are kept."""
    if not images and not documents:
        return nullcontext(lambda text: Kept({}, text))
    if _bringer is None:
        raise AttachmentsUnsupported()
    return _bringer(session, images, documents)
