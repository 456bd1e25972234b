"""What happens to an account's sessions, for each of its devices."""

from __future__ import annotations

from msgspec import UNSET

from chat_app import protocol
from chat_app.exceptions import BadFrame
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.accounts.models import User
from sessions_app.models import AccountLog

from .dialect import NumberedDialect
from .following import FollowingConsumer, Opened
from .logs import AccountsLog, cursor


def opened(user: User, after: int | None) -> Opened:
    """In a database thread. Without `after` the stream begins at the head."""
    last_seq = AccountLog.objects.open(user.pk)[1]
    dialect = NumberedDialect()
    first = protocol.encode(protocol.Connected(UNSET, last_seq, UNSET))
    return Opened(AccountsLog(user.pk), last_seq if after is None else after, [first], dialect)


class AccountConsumer(FollowingConsumer):
    def look_up(self, credentials: Credentials) -> Opened:
        return opened(credentials.user, None if self.after is None else cursor(self.after))

    async def carry_out(self, command: protocol.AnyCommand) -> None:
        raise BadFrame("This socket tells of all sessions: a command goes to one of them.", code="unknown_type")
