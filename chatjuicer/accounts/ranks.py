"""Who may change whom among administrators: nobody gains a right by it that they have not."""

from django.contrib.auth.models import AnonymousUser, Group

from chatjuicer.accounts.models import User


def may_change(who: User | AnonymousUser, user: User) -> bool:
    """Whoever sets somebody's password, or makes their keys, can come in as them."""
    if who.is_superuser or not (user.is_staff or user.is_superuser):
        return True
    return not user.is_superuser and user.get_all_permissions() <= who.get_all_permissions()


def may_give(who: User | AnonymousUser, group: Group) -> bool:
    """Of whose rights all members have their part."""
    if who.is_superuser:
        return True
    rights = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{name}" for app, name in rights} <= who.get_all_permissions()
