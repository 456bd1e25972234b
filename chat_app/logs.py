"""Which session and run a log line is about: kept beside the task that does the work, written by chatjuicer.logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

session_of_line: ContextVar[str | None] = ContextVar("session_of_line", default=None)
run_of_line: ContextVar[str | None] = ContextVar("run_of_line", default=None)


@contextmanager
def run_context(session_id: str, run_id: UUID) -> Iterator[None]:
    tokens = session_of_line.set(session_id), run_of_line.set(str(run_id))
    try:
        yield
    finally:
        session_of_line.reset(tokens[0])
        run_of_line.reset(tokens[1])
