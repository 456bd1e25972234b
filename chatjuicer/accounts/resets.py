"""Getting in without a password: an address that is good for one hour, once, and sent to the account's own; and that of
an invitation, which is the same for who has no password yet, and good for a week."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator

from chatjuicer.accounts import mails
from chatjuicer.accounts.exceptions import AccountTurnedOff, InvalidResetToken, NoMail
from chatjuicer.accounts.models import Act, AuditEntry, Role, User
from chatjuicer.accounts.models.user import normal
from chatjuicer.accounts.ranks import rights_of
from chatjuicer.api import limits

logger = logging.getLogger(__name__)

PAGE = "reset-password"
INVITED_FOR = timedelta(days=7)

SUBJECT = "Your password for Chat Juicer"
TEXT = """Somebody, perhaps you, asked for a new password for {email}.

Choose it here, within an hour:

{address}

If it was not you, nothing needs to be done: the password stays as it is.
"""

INVITATION = "Your account of Chat Juicer"
INVITATION_TEXT = """You are invited to Chat Juicer as {email}.

Choose your password here, within a week:

{address}
"""


class ResetTokens(PasswordResetTokenGenerator):
    """Good until the password, the address, the role, the rights or the user's epoch changes, and for as long as they
    were made for. Role and rights: who made one for somebody does not come in by it with rights that these were given
    later."""

    key_salt = "chatjuicer.accounts.resets"

    def token_good_for(self, user: User, lifetime: timedelta) -> str:
        """All are checked by PASSWORD_RESET_TIMEOUT: what is good for longer is said to be made later."""
        longer_s = int(lifetime.total_seconds()) - settings.PASSWORD_RESET_TIMEOUT
        return self._make_token_with_timestamp(user, self._num_seconds(self._now()) + longer_s, self.secret)

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        rights = sorted(rights_of(user).values_list("pk", flat=True)) if user.role == Role.STAFF else []
        return f"{user.auth_epoch}.{user.role}{rights or ''}.{super()._make_hash_value(user, timestamp)}"


_tokens = ResetTokens()


def lifetime_for(user: User) -> timedelta:
    return timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT) if user.has_usable_password() else INVITED_FOR


def token_for(user: User) -> str:
    return f"{user.pk.hex}-{_tokens.token_good_for(user, lifetime_for(user))}"


def user_of(token: str) -> User:
    """Raises InvalidResetToken for one that is wrong, too old or used."""
    name, _, rest = token.partition("-")
    user = account_named(name)
    if user is None or not _tokens.check_token(user, rest):
        raise InvalidResetToken()
    return user


def account_named(name: str) -> User | None:
    """By its key, as tokens in mails begin, of a person who may come in."""
    try:
        return User.objects.filter(pk=UUID(hex=name), is_active=True, is_service=False).first()
    except ValueError:
        return None


def address_for(user: User, base_url: str = "") -> str:
    """Of the page that takes the new password; `base_url` as of `mails.page_address`."""
    return mails.page_address(PAGE, token_for(user), base_url)


def given_by_administrator(user: User, base_url: str) -> str:
    """The address, for the administrator who asks for it to hand it over. Raises AccountTurnedOff."""
    if not user.is_active:
        raise AccountTurnedOff()
    AuditEntry.objects.record(Act.PASSWORD_RESET_ASKED, user, by="administrator")
    return address_for(user, base_url)


def sent_by_administrator(user: User, base_url: str) -> None:
    """To the account's own mailbox, before this returns: an administrator may know whether it went well. Raises
    AccountTurnedOff, NoMail, MailFailed and TooManyRequests."""
    if not settings.EMAIL_URL:
        raise NoMail()
    limits.spend("reset of account", str(user.pk), mails.MAILS_OF_ACCOUNT)
    _send_address(user, given_by_administrator(user, base_url))


def send_later(email: str, base_url: str, client_address: str) -> None:
    """To the account of that address, if there is one; whoever asks cannot tell."""
    mails.later(lambda: _send(email, base_url, client_address))


def _send(email: str, base_url: str, client_address: str) -> None:
    user = User.objects.filter(email=normal(email), is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    try:
        limits.spend("reset of account", str(user.pk), mails.MAILS_OF_ACCOUNT)
    except limits.TooManyRequests:
        logger.warning("too many password resets of one account were asked for")
        return
    AuditEntry.objects.record(Act.PASSWORD_RESET_ASKED, user, address=client_address)
    if not settings.EMAIL_URL:
        logger.warning("a password reset was asked for, and EMAIL_URL is not set: manage.py reset_password")
        return
    _send_address(user, address_for(user, base_url))


def _send_address(user: User, address: str) -> None:
    subject, text = (SUBJECT, TEXT) if user.has_usable_password() else (INVITATION, INVITATION_TEXT)
    mails.send(user.email, subject, text.format(email=user.email, address=address))
