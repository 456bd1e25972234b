"""By what a session is known again, wherever archives take it: no two that an account has are known by the same."""

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db.models import Q

if TYPE_CHECKING:
    from .session import ChatSession
    from .session_row import SessionRow

OURS = "chatjuicer:"


def origin_of(session: "ChatSession") -> str:
    """One of its own, where older servers gave that of another to it, too."""
    origin = noted(session)
    theirs = Q(origin=origin, pk__lt=session.pk) | Q(origin="", pk=own_key(origin))
    is_twin = session.origin and type(session).objects.filter(theirs, owner=session.owner_id).exists()
    return like(origin, session.pk) if is_twin else origin


def noted(session: "SessionRow") -> str:
    return session.origin or f"{OURS}{session.pk}"


def another(session: "SessionRow") -> str:
    return like(noted(session), uuid4())


def like(origin: str, key: UUID) -> str:
    """Of the same kind."""
    return f"{origin.partition(':')[0]}:{key}"


def known_by(origin: str) -> Q:
    return Q(origin=origin) | Q(pk=own_key(origin))


def own_key(origin: str) -> UUID | None:
    """The row that an origin names, if it is one of ours."""
    try:
        return UUID(origin.partition(":")[2])
    except ValueError:
        return None
