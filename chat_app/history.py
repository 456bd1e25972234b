"""What a person reads of a session, with its files, its active run, and the answer that is being written."""

from functools import cached_property
from typing import Any

from django.db.models import Q

from chatjuicer.api import budget
from files_app import listing
from sessions_app import history
from sessions_app.models import IDLE, Message

from .models import Approval, Run
from .models.ending import text_so_far

MAX_APPROVALS = 100  # that a session's detail shows


class History(history.History):
    def detail(self) -> dict[str, Any]:
        run = self.active_run and with_approvals(self.active_run)
        return super().detail() | {"files": listing.of_detail(self.session), "run": run}

    @cached_property
    def active_run(self) -> Run | None:
        """Of a session that is idle nobody asks the database: its row says that there is none."""
        return None if self.session.state == IDLE else Run.objects.filter(session=self.session).active().first()

    def in_progress(self) -> Q:
        """All that a socket is told again from the active run's latest `stream_start` on."""
        return super().in_progress() | self.active_run.answer if self.active_run else super().in_progress()

    def with_text(self, messages: list[Message]) -> list[Message]:
        """An answer that is being written has the text that its clients have seen so far: what it had when it went on,
        and that of its deltas."""
        for message in messages:
            if message.status == Message.Status.PENDING and message.role == Message.Role.ASSISTANT:
                run = Run.objects.filter(pk=message.run_id).only("first_seq").first()
                message.content += text_so_far(message.session_id, message.pk, (run and run.first_seq) or 0)
        return messages


def with_approvals(run: Run) -> dict[str, Any]:
    """The run, with those that it waits for."""
    asked = run.approvals.filter(status=Approval.Status.PENDING).order_by("created_at")
    waits = run.status == Run.Status.AWAITING_APPROVAL
    waiting, _ = budget.read(asked, MAX_APPROVALS, "arguments") if waits else ([], False)
    return run.representation() | {"approvals": [approval.representation() for approval in waiting]}
