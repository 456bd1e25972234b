"""Where a second factor is asked for: at every sign-in with a password, and of staff where REQUIRE_TOTP says so."""

from django.conf import settings

from chatjuicer.accounts.exceptions import TotpRequired
from chatjuicer.accounts.models import Act, AuditEntry, Totp, User


def prove_second_factor(user: User, code: str) -> str:
    """After the password was right. How it was proved, "" for who has none. Raises TotpRequired."""
    try:
        return Totp.objects.require(user, code)
    except TotpRequired:
        if code:
            AuditEntry.objects.record(Act.SIGN_IN_FAILED, user, why="totp")
        raise


def may_administer(user: User) -> bool:
    """Whether the rights of staff are this user's to use."""
    if not (user.is_active and user.is_staff):
        return False
    return settings.REQUIRE_TOTP != "staff" or Totp.objects.is_on(user)
