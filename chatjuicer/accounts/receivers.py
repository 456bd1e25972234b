"""What Django itself says of sign-ins: those of the admin, and passwords that were wrong, whoever asked."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver

from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.models.user import normal


@receiver(user_logged_in)
def note_sign_in(user: User, **kwargs: Any) -> None:
    AuditEntry.objects.record(Act.SIGNED_IN, user, actor=user.pk, by="admin")


@receiver(user_login_failed)
def note_failure(credentials: dict[str, Any], **kwargs: Any) -> None:
    """The address that was given is not kept unless it is an account's: people type passwords there, too."""
    user = User.objects.filter(email=normal(str(credentials.get("username", "")))).only("pk").first()
    AuditEntry.objects.record(Act.SIGN_IN_FAILED, user or "", why="password")
