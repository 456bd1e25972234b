"""Who may change whom among administrators: nobody gains a right by it that they have not."""

from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db.models import Q, QuerySet

from chatjuicer.accounts.models import User


def may_change(who: User | AnonymousUser, user: User) -> bool:
    """Whoever sets somebody's password, or makes their keys, can come in as them; and of an account that is turned off,
    whoever may change it can turn it on. So its rights count as ever, of which Django then says that it has none."""
    if who.is_superuser or not (user.is_staff or user.is_superuser):
        return True
    return not user.is_superuser and names_of(rights_of(user)) <= who.get_all_permissions()


def may_give(who: User | AnonymousUser, group: Group) -> bool:
    """Of whose rights all members have their part."""
    return who.is_superuser or names_of(group.permissions.all()) <= who.get_all_permissions()


def rights_of(user: User) -> QuerySet[Permission]:
    """Their own and their groups', whatever the role makes of them; of an account that is turned off, too."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def names_of(rights: QuerySet[Permission]) -> set[str]:
    """As Django's `get_all_permissions` has them."""
    return {f"{app}.{name}" for app, name in rights.values_list("content_type__app_label", "codename")}
