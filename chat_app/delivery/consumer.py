"""One client's socket: it parses a command, calls one verb, and answers. It never waits for the agent."""

from __future__ import annotations

from uuid import UUID

from chat_app import protocol
from chat_app.models import Run
from chat_app.models.place import said_before
from chat_app.models.status import ACTIVE
from chat_app.runs.commands import decide, start_run, stop_run
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.api.snapshot import snapshot
from sessions_app.models import ChatSession

from .dialect import NumberedDialect, PlainDialectOf
from .following import FollowingConsumer, Opened
from .logs import SessionLog, cursor


class ChatConsumer(FollowingConsumer):
    """Of a session. One that is opened without `after` belongs to a client that knows no numbers."""

    session_pk: UUID

    def __init__(self, plain_dialect_of: PlainDialectOf) -> None:
        super().__init__()
        self.plain_dialect_of = plain_dialect_of

    def look_up(self, credentials: Credentials) -> Opened:
        # In one moment: a run that ended in between would be taken for none, and its end be sent after `idle`.
        with snapshot():
            session = credentials.user.chat_sessions.named(self.scope["url_route"]["kwargs"]["session_id"])
            live = list(Run.objects.filter(session=session).live().order_by("first_position"))
            active = next((run for run in live if run.status in ACTIVE), None)
            said = said_before(active, session) if active is not None and self.after is None else None
        self.session_pk = session.pk
        signed_in = not credentials.without_proof
        dialect = self.plain_dialect_of(session, signed_in) if self.after is None else NumberedDialect()
        connected = protocol.Connected(session.public_id, session.last_seq, active.representation() if active else None)
        return Opened(
            SessionLog(session.pk, session.public_id),
            self._after(session, active),
            list(dialect.opening(connected, active or next(iter(live), None), said)),
            dialect,
        )

    def _after(self, session: ChatSession, active: Run | None) -> int:
        if self.after is not None:
            return cursor(self.after)
        if active is not None and active.first_seq:
            return active.first_seq - 1
        return session.last_seq

    async def carry_out(self, command: protocol.AnyCommand) -> None:
        assert self.socket is not None
        match command:
            case protocol.SendMessage():
                self.dialect.hear(command)
                user_pk, past_question = self.socket.credentials.user.pk, not self.dialect.decides
                started = await start_run(self.session_pk, user_pk, command, past_question=past_question)
                self.answer(protocol.Accepted(command.client_id, started.run.pk, started.message_ids))
            case protocol.Interrupt(run_id=run_id):
                await stop_run(self.session_pk, run_id)
            case protocol.ApprovalCommand():
                await decide(self.session_pk, command)
