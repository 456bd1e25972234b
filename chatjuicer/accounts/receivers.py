"""What Django itself says: of sign-ins in the admin, of passwords that were wrong, whoever asked, and of groups."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from chatjuicer.accounts.audited import audit_changes
from chatjuicer.accounts.models import Act, AuditEntry, GroupAllowance, User
from chatjuicer.accounts.models.user import normal


@receiver(user_logged_in)
def note_sign_in(user: User, **kwargs: Any) -> None:
    AuditEntry.objects.record(Act.SIGNED_IN, user, actor=user.pk, by="admin")


@receiver(user_login_failed)
def note_failure(credentials: dict[str, Any], **kwargs: Any) -> None:
    """The address that was given is not kept unless it is an account's: people type passwords there, too."""
    user = User.objects.filter(email=normal(str(credentials.get("username", "")))).only("pk").first()
    AuditEntry.objects.record(Act.SIGN_IN_FAILED, user or "", why="password")


audit_changes(Group)
audit_changes(GroupAllowance, told=("allowed_models", "allowed_servers", "daily_tokens", "daily_cost"), part_of="group")


@receiver([post_save, post_delete], sender=GroupAllowance)
def publish_groups(**kwargs: Any) -> None:
    """Makes the change known to this process; other processes look for it themselves."""
    transaction.on_commit(GroupAllowance.objects.publish)


MEMBERSHIP = {"post_add": Act.MEMBER_ADDED, "post_remove": Act.MEMBER_REMOVED, "pre_clear": Act.MEMBER_REMOVED}


@receiver(m2m_changed, sender=User.groups.through)
def note_membership(
    instance: User | Group, action: str, reverse: bool, pk_set: Collection[Any] | None, **kwargs: Any
) -> None:
    """`instance` is a group if `reverse`, else a user; `pk_set` has the others, or is None for all."""
    if action not in MEMBERSHIP:
        return
    others = instance.user_set if isinstance(instance, Group) else instance.groups
    for other in others.values_list("pk", flat=True) if pk_set is None else pk_set:
        group, member = (instance.pk, other) if reverse else (other, instance.pk)
        AuditEntry.objects.record(MEMBERSHIP[action], f"group:{group}", member=str(member))
