"""Parts of a session's detail that other apps own, read in the same snapshot as the messages."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sessions_app.models import ChatSession

Contributor: TypeAlias = Callable[["ChatSession"], Any]

_contributors: dict[str, Contributor] = {}


def contribute(field: str, contributor: Contributor) -> None:
    """`contributor(session)` gives the JSON value of `field` ("run", "files"); it must only read."""
    _contributors[field] = contributor


def contributions(session: "ChatSession") -> dict[str, Any]:
    return {"files": [], "run": None} | {field: of(session) for field, of in _contributors.items()}
