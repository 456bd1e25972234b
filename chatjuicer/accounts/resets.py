"""Getting in again without the password: an address that is good for one hour, once, and sent to the account's own."""

import logging
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import send_mail
from django.db import close_old_connections

from chatjuicer.accounts.exceptions import InvalidResetToken
from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.models.user import normal
from chatjuicer.api import limits

logger = logging.getLogger(__name__)

MAILS_OF_ACCOUNT = "5/hour"
PAGE = "reset-password"

SUBJECT = "Your password for Chat Juicer"
TEXT = """Somebody, perhaps you, asked for a new password for {email}.

Choose it here, within an hour:

{address}

If it was not you, nothing needs to be done: the password stays as it is.
"""

_mail = ThreadPoolExecutor(1, thread_name_prefix="mail")


class ResetTokens(PasswordResetTokenGenerator):
    """Good until the password, the address or the user's epoch changes, for PASSWORD_RESET_TIMEOUT at most."""

    key_salt = "chatjuicer.accounts.resets"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{user.auth_epoch}.{super()._make_hash_value(user, timestamp)}"


_tokens = ResetTokens()


def token_for(user: User) -> str:
    return f"{user.pk.hex}-{_tokens.make_token(user)}"


def user_of(token: str) -> User:
    """Raises InvalidResetToken for one that is wrong, too old or used."""
    name, _, rest = token.partition("-")
    try:
        user = User.objects.filter(pk=UUID(hex=name), is_active=True, is_service=False).first()
    except ValueError:
        user = None
    if user is None or not _tokens.check_token(user, rest):
        raise InvalidResetToken()
    return user


def address_for(user: User, base_url: str = "") -> str:
    """Of the page that takes the new password. PUBLIC_URL goes before `base_url`, as which the server was asked."""
    base = settings.PUBLIC_URL or base_url or f"http://{settings.HOST}:{settings.PORT}"
    return f"{base.rstrip('/')}/{PAGE}?token={quote(token_for(user))}"


def send_later(email: str, base_url: str, client_address: str) -> None:
    """To the account of that address, if there is one. In a thread, so that whoever asks cannot tell by the time."""
    _mail.submit(_send, email, base_url, client_address)


def _send(email: str, base_url: str, client_address: str) -> None:
    close_old_connections()
    try:
        user = User.objects.filter(email=normal(email), is_active=True).first()
        if user is None or not user.has_usable_password():
            return
        limits.spend("reset of account", str(user.pk), MAILS_OF_ACCOUNT)
        AuditEntry.objects.record(Act.PASSWORD_RESET_ASKED, user, address=client_address)
        if not settings.EMAIL_URL:
            logger.warning("a password reset was asked for, and EMAIL_URL is not set: manage.py reset_password")
            return
        text = TEXT.format(email=user.email, address=address_for(user, base_url))
        send_mail(SUBJECT, text, settings.EMAIL_FROM, [user.email])
    except limits.TooManyRequests:
        logger.warning("too many password resets of one account were asked for")
    except Exception:
        logger.exception("the mail for a password reset could not be sent")
    finally:
        close_old_connections()
