"""What the process does after a commit. The hub and the process set the hooks; verbs call them by `on_commit`.

In a shell or a management command no hook is set. The log is written all the same, and servers find it by polling.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from chat_app.protocol import Record


class CommitHooks:
    """May be called from any thread."""

    def __init__(self) -> None:
        self.on_events_committed: Callable[[list[Record]], None] | None = None
        self.on_run_queued: Callable[[], None] | None = None
        self.on_session_deleted: Callable[[UUID], None] | None = None
        self.on_log_forgotten: Callable[[UUID, int], None] | None = None
        self.on_notices_written: Callable[[], None] | None = None
        self.on_grant_given_up: Callable[[str, str], None] | None = None

    def events_committed(self, records: list[Record]) -> None:
        if self.on_events_committed:
            self.on_events_committed(records)

    def run_queued(self) -> None:
        """A run waits to be claimed."""
        if self.on_run_queued:
            self.on_run_queued()

    def session_deleted(self, session_pk: UUID) -> None:
        if self.on_session_deleted:
            self.on_session_deleted(session_pk)

    def log_forgotten(self, session_pk: UUID, up_to: int) -> None:
        """The events of a session up to that number were deleted: what its clients show is no longer there."""
        if self.on_log_forgotten:
            self.on_log_forgotten(session_pk, up_to)

    def notices_written(self) -> None:
        """Somebody without a connection is to be told something."""
        if self.on_notices_written:
            self.on_notices_written()

    def grant_given_up(self, url: str, grant: str) -> None:
        """What let us into an MCP server is needed no more. Where no process runs, it expires by itself."""
        if self.on_grant_given_up:
            self.on_grant_given_up(url, grant)


commit_hooks = CommitHooks()
