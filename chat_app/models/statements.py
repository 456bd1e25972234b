"""What the start and the end of a run must know, and who looks for one to claim: each a statement that is made once.

The first two are read after the session is locked. What is found seldom is only found to be there: whoever needs it,
reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar
from uuid import UUID

from django.apps import apps
from django.conf import settings

from chat_app.exceptions import SessionGone
from chat_app.log.record import of_row, rows_once_held
from chatjuicer.encryption import unseal
from files_app.exceptions import QuotaExceeded
from sessions_app.exceptions import SessionInactive
from sessions_app.models import ChatSession, Message
from sessions_app.models.message import bytes_of
from sessions_app.models.sessions import KNOWN
from sessions_app.models.statements import as_param, columns_of, field_of, loaded, rows_of, width_of

from .run_row import RunRow

R = TypeVar("R", bound=RunRow)

LIVE = "('queued', 'running', 'awaiting_approval')"


@dataclass(frozen=True, slots=True)
class AtStart:
    session: ChatSession
    instructions: str  # what the owner asks for in all sessions
    has_live: bool  # runs that wait or go on
    is_repeated: bool  # the session has seen that `client_id`
    taken_bytes: int  # by the owner's files and messages
    has_always: bool  # tools that a person has allowed for good

    def require_open_for(self, texts: Iterable[str]) -> None:
        """Raises SessionInactive and QuotaExceeded."""
        if not self.session.is_active:
            raise SessionInactive()
        if self.taken_bytes + sum(map(bytes_of, texts)) > settings.USER_QUOTA_BYTES:
            raise QuotaExceeded()


def at_start(session_pk: UUID, client_id: str) -> AtStart:
    """Locks the session. Raises SessionGone, SessionPacked."""
    rows = rows_once_held(session_pk, _at_start(), [client_id, client_id, as_param(ChatSession, session_pk)])
    if not rows:
        raise SessionGone()
    session = of_row(rows[0])
    instructions, has_live, is_repeated, taken_bytes, has_always = rows[0][width_of(ChatSession) :]
    return AtStart(session, unseal(instructions), bool(has_live), bool(is_repeated), int(taken_bytes), bool(has_always))


@cache
def _at_start() -> str:
    run, approval, user = map(_table, ("chat_app.Run", "chat_app.Approval", settings.AUTH_USER_MODEL))
    files, log = map(_table, ("files_app.StorageUsage", "sessions_app.AccountLog"))
    return f"""
SELECT {columns_of(ChatSession, "session")}, owner.instructions,
  EXISTS (SELECT 1 FROM {run} run WHERE run.session_id = session.id AND run.status IN {LIVE}),
  %s <> '' AND EXISTS (SELECT 1 FROM {run} run WHERE run.session_id = session.id AND run.client_id <> ''
    AND run.client_id = %s),
  COALESCE((SELECT size_bytes FROM {files} WHERE owner_id = owner.id), 0)
    + COALESCE((SELECT message_bytes FROM {log} WHERE user_id = owner.id), 0),
  EXISTS (SELECT 1 FROM {approval} approval WHERE approval.session_id = session.id AND approval.always)
FROM {_table("sessions_app.ChatSession")} session JOIN {user} owner ON owner.id = session.owner_id
WHERE session.id = %s AND {KNOWN}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class AtEnd(Generic[R]):
    run: R  # without its `state`, which may be unreadable
    session: ChatSession
    others: str  # what the session is in without the run; empty: idle
    last_answer: UUID | None  # the run's last message of its text
    has_pending: bool  # messages that are not complete
    has_approvals: bool  # calls that wait for a decision
    has_later: bool  # words that were said after the run's
    has_answers: bool  # of earlier runs, and with them the chance of a title
    has_followers: bool  # webhooks or browsers that the owner wants to be told


def at_end(runs: type[R], run_pk: UUID, session_pk: UUID) -> AtEnd[R] | None:
    """None if the run has ended, or is gone, or its session. Locks the session. Raises SessionPacked."""
    rows = rows_once_held(session_pk, _at_end(runs), [as_param(ChatSession, session_pk), as_param(runs, run_pk)])
    if not rows:
        return None
    of_session, of_run = width_of(ChatSession), width_of(runs, "state")
    others, answer, *found = rows[0][of_session + of_run :]
    last_answer = None if answer is None else field_of(Message, "id").to_python(answer)
    run = loaded(runs, rows[0][of_session:], "state")
    return AtEnd(run, of_row(rows[0]), others or "", last_answer, *map(bool, found))


@cache
def _at_end(runs: type[RunRow]) -> str:
    run, approval, message = map(_table, ("chat_app.Run", "chat_app.Approval", "sessions_app.Message"))
    webhook, browser = map(_table, ("chat_app.Webhook", "chat_app.PushSubscription"))
    return f"""
SELECT {columns_of(ChatSession, "session")}, {columns_of(runs, "run", "state")},
  (SELECT other.status FROM {run} other WHERE other.session_id = session.id AND other.id <> run.id
    AND other.status IN {LIVE} ORDER BY other.status = 'queued', other.status DESC LIMIT 1),
  (SELECT answer.id FROM {message} answer WHERE answer.session_id = session.id AND answer.run_id = run.id
    AND answer.role = 'assistant' AND answer.position > run.first_position ORDER BY answer.position DESC LIMIT 1),
  EXISTS (SELECT 1 FROM {message} pending WHERE pending.session_id = session.id AND pending.status = 'pending'),
  EXISTS (SELECT 1 FROM {approval} approval WHERE approval.run_id = run.id AND approval.status = 'pending'),
  EXISTS (SELECT 1 FROM {message} later WHERE later.session_id = session.id AND later.run_id <> run.id
    AND later.position > run.first_position),
  EXISTS (SELECT 1 FROM {run} earlier WHERE earlier.session_id = session.id AND earlier.status = 'completed'),
  EXISTS (SELECT 1 FROM {webhook} webhook WHERE webhook.user_id = session.owner_id)
    OR EXISTS (SELECT 1 FROM {browser} browser WHERE browser.user_id = session.owner_id)
FROM {_table("sessions_app.ChatSession")} session JOIN {run} run ON run.session_id = session.id
WHERE session.id = %s AND {KNOWN} AND run.id = %s AND run.status IN {LIVE}
"""  # noqa: S608


def is_any_to_claim() -> bool:
    """Whether any run waits for a process, whoever's and behind whichever. Asked every other second, and hardly ever
    so."""
    return bool(rows_of(_any_to_claim(), [])[0][0])


@cache
def _any_to_claim() -> str:
    run = _table("chat_app.Run")
    return f"""
SELECT EXISTS (SELECT 1 FROM {run} WHERE status = 'queued')
  OR EXISTS (SELECT 1 FROM {run} WHERE may_go_on AND status = 'awaiting_approval')
"""  # noqa: S608


def _table(label: str) -> str:
    return f'"{apps.get_model(label)._meta.db_table}"'
