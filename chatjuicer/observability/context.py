"""The request, session and run that a task or thread works on, written into each of its log lines; and for whom it
works and why, which the audit log is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

request_id: ContextVar[str] = ContextVar("request_id", default="")
session_id: ContextVar[str] = ContextVar("session_id", default="")
run_id: ContextVar[str] = ContextVar("run_id", default="")
acting_user: ContextVar[UUID | None] = ContextVar("acting_user", default=None)
client_address: ContextVar[str] = ContextVar("client_address", default="")
stated_reason: ContextVar[str] = ContextVar("stated_reason", default="")


@contextmanager
def because(reason: str) -> Iterator[None]:
    """What is done inside is done for that reason, which somebody was asked for."""
    token = stated_reason.set(reason)
    try:
        yield
    finally:
        stated_reason.reset(token)


@contextmanager
def run_context(session: str, run: UUID) -> Iterator[None]:
    """Lines that are logged inside name this run and session; `session` is its public id."""
    session_token, run_token = session_id.set(session), run_id.set(str(run))
    try:
        yield
    finally:
        session_id.reset(session_token)
        run_id.reset(run_token)
