"""Another e-mail address of an account: asked for by its owner, and taken when the link in a mail to it is followed,
which is good for one hour, once. The address until then is told of it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from django.conf import settings
from rest_framework.exceptions import ValidationError

from chatjuicer.accounts import mails
from chatjuicer.accounts.exceptions import AddressOfSettings, InvalidEmailToken, NoMail
from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.models.user import normal
from chatjuicer.accounts.resets import ResetTokens, account_named
from chatjuicer.api import limits

PAGE = "confirm-email"

SUBJECT = "Your e-mail address for Chat Juicer"
TEXT = """Somebody, perhaps you, asked for this address, {new}, to be the one of the account {old}.

If it was you, confirm it here, within an hour:

{address}

If it was not you, nothing needs to be done: nothing changes.
"""
TAKEN_TEXT = """Somebody, perhaps you, asked for this address, {new}, to be the one of another account of Chat Juicer.

There is an account of this address already, and nothing changes. Whoever wants to use the address for the other account
deletes this one first, or gives it another address.
"""
NOTICE_TEXT = """Somebody, perhaps you, asked for another e-mail address of your account {old}:

{new}

It counts when it was confirmed by a mail to it. If it was not you, change your password, or sign out everywhere, within
the hour: both end it.
"""
CHANGED_TEXT = """The e-mail address of your account of Chat Juicer is another one now:

{new}

This one, {old}, is no more asked for. If it was not you, turn to who administers the server.
"""


class EmailTokens(ResetTokens):
    """Of one new address. What ends a reset's token ends it, too."""

    key_salt = "chatjuicer.accounts.email_changes"

    def __init__(self, email: str) -> None:
        super().__init__()
        self.email = email

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{self.email}.{super()._make_hash_value(user, timestamp)}"


def token_for(user: User, email: str) -> str:
    told = urlsafe_b64encode(email.encode()).decode().rstrip("=")  # which an address would spell as %3D
    return f"{user.pk.hex}.{told}.{EmailTokens(email).make_token(user)}"


def change_of(token: str) -> tuple[User, str]:
    """Whose address becomes which. Raises InvalidEmailToken for a token that is wrong, too old or used."""
    name, _, rest = token.partition(".")
    told, _, proof = rest.partition(".")
    try:
        email = urlsafe_b64decode(f"{told}==").decode()
    except ValueError:
        raise InvalidEmailToken() from None
    user = account_named(name)
    if user is None or not EmailTokens(email).check_token(user, proof):
        raise InvalidEmailToken()
    return user, email


def ask(user: User, email: str, base_url: str) -> None:
    """A mail to the new address, before this returns; whether it is somebody's already, only that mail says. Raises
    AddressOfSettings, NoMail, MailFailed, TooManyRequests, and ValidationError for the address that it has."""
    new = normal(email)
    if new == user.email:
        raise ValidationError({"email": ["It is the account's address already."]})
    if user.email == normal(settings.DEFAULT_USER_EMAIL):
        raise AddressOfSettings()
    if not settings.EMAIL_URL:
        raise NoMail(
            "This server sends no mail, by which it would be confirmed: an administrator changes it in the admin."
        )
    limits.spend("e-mail change of account", str(user.pk), mails.MAILS_OF_ACCOUNT)
    limits.spend("e-mail change to address", new, mails.MAILS_OF_ACCOUNT)
    said = {"old": user.email, "new": new, "address": mails.page_address(PAGE, token_for(user, new), base_url)}
    AuditEntry.objects.record(Act.EMAIL_CHANGE_ASKED, user)
    mails.send_later(user.email, SUBJECT, NOTICE_TEXT.format(**said))
    text = TAKEN_TEXT if User.objects.filter(email=new).exists() else TEXT
    mails.send(new, SUBJECT, text.format(**said))


def take(user: User, new: str) -> None:
    """The address that `change_of` a token told counts from now on. Raises InvalidEmailToken if it was used meanwhile,
    and EmailTaken for one that became somebody else's."""
    old = user.email
    user.change_email(new)
    if settings.EMAIL_URL:
        mails.send_later(old, SUBJECT, CHANGED_TEXT.format(old=old, new=new))
