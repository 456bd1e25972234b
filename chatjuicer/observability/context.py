"""What the work in hand is about: kept beside the task or thread that does it, written into each of its log lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

request_id: ContextVar[str] = ContextVar("request_id", default="")
session_id: ContextVar[str] = ContextVar("session_id", default="")
run_id: ContextVar[str] = ContextVar("run_id", default="")


@contextmanager
def run_context(session: str, run: UUID) -> Iterator[None]:
    """Lines logged inside are of this run; `session` is the session's public id."""
    session_token, run_token = session_id.set(session), run_id.set(str(run))
    try:
        yield
    finally:
        session_id.reset(session_token)
        run_id.reset(run_token)
