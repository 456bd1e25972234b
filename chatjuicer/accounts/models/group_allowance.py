"""What groups let their members use. The groups are Django's own: what staff may do in the admin, they say, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Q

from chatjuicer.accounts.models.known import Known
from chatjuicer.api.exceptions import NameTaken

MAX_NAMES = 500  # of one list
MAX_NAME_CHARS = 128


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one user may use, by all their groups together: names, with `*` for any characters. None: all."""

    models: tuple[str, ...] | None = None
    mcp_servers: tuple[str, ...] | None = None


ALL = Allowance()


def stands_in(names: Iterable[str] | None, name: str) -> bool:
    return names is None or any(fnmatchcase(name, allowed) for allowed in names)


class GroupAllowanceManager(models.Manager["GroupAllowance"]):
    lists, budgets = Known(), Known()

    def publish(self) -> None:
        """Makes known to this process whether groups set anything."""
        rows = list(self.values_list("allowed_models", "allowed_servers", "daily_tokens", "daily_cost"))
        self.lists.any = any(names is not None for row in rows for names in row[:2])
        self.budgets.any = any(limit for row in rows for limit in row[2:])

    def have_lists(self) -> bool:
        """Whether any group has a list. Looks into the database once; `publish` does after that."""
        if self.lists.any is None:
            self.publish()
        return bool(self.lists.any)

    def are_budgeted(self) -> bool:
        """As `have_lists`, of budgets."""
        if self.budgets.any is None:
            self.publish()
        return bool(self.budgets.any)

    def of_user(self, user_pk: UUID) -> Allowance:
        """All that any of the user's groups allows. A group without a list says nothing: where none has one, it is
        all."""
        if not self.have_lists():
            return ALL
        rows = list(self.filter(group__user=user_pk).values_list("allowed_models", "allowed_servers"))
        return Allowance(*(union(row[column] for row in rows) for column in (0, 1)))

    def of_group(self, group: Group) -> GroupAllowance:
        """Stored or not: a group that was made elsewhere sets nothing."""
        found: GroupAllowance | None = getattr(group, "allowance", None)
        return GroupAllowance(group=group) if found is None else found

    def make_group(self, name: str, **fields: Any) -> Group:
        """Raises NameTaken."""
        with transaction.atomic():
            group, created = Group.objects.get_or_create(name=name)
            if not created:
                raise NameTaken()
            self.of_group(group).change(**fields)
        return group

    def budgets_of(self, user_pk: UUID) -> list[GroupAllowance]:
        """Those of the user's groups that have one, by the groups' names."""
        limits = Q(daily_tokens__gt=0) | Q(daily_cost__gt=0)
        return list(self.filter(limits, group__user=user_pk).select_related("group").order_by("group__name"))


def union(lists: Iterable[list[str] | None]) -> tuple[str, ...] | None:
    given = [names for names in lists if names is not None]
    return tuple(dict.fromkeys(chain.from_iterable(given))) if given else None


class GroupAllowance(models.Model):
    group = models.OneToOneField(Group, models.CASCADE, primary_key=True, related_name="allowance")
    allowed_models = models.JSONField(
        "models",
        null=True,
        blank=True,
        default=None,
        help_text='Ids as models are chosen by, such as ["gpt-5", "home/*"]. Empty: the group says nothing of them; '
        "[]: none. Of several groups all lists count together.",
    )
    allowed_servers = models.JSONField(
        "MCP servers",
        null=True,
        blank=True,
        default=None,
        help_text='Keys of MCP servers, such as ["fetch"]; empty and [] as of the models.',
    )
    daily_tokens = models.PositiveBigIntegerField(
        default=0, help_text="that all its members together may use in a day (UTC); 0: any number"
    )
    daily_cost = models.DecimalField(
        max_digits=14,
        decimal_places=6,
        default=Decimal(0),
        db_default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text="US dollars that all its members together may use in a day (UTC), of models whose price is known; "
        "0: any amount",
    )

    objects: ClassVar[GroupAllowanceManager] = GroupAllowanceManager()

    class Meta:
        verbose_name = "what its members may use"
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return str(self.group)

    def change(self, **changes: Any) -> None:
        """What an administrator sets, the group's `name` included. Raises NameTaken."""
        name = changes.pop("name", self.group.name)
        for field, value in changes.items():
            setattr(self, field, value)
        try:
            with transaction.atomic():
                if name != self.group.name:
                    self.group.name = name
                    self.group.save()
                self.save()
        except IntegrityError:
            raise NameTaken() from None

    def clean(self) -> None:
        """Of what comes from the admin. Raises ValidationError."""
        said = {
            field: 'A list of names is expected, such as ["gpt-5", "gpt-5-*"].'
            for field in ("allowed_models", "allowed_servers")
            if not are_names(getattr(self, field))
        }
        if said:
            raise ValidationError(said)


def are_names(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        return False
    return all(isinstance(name, str) and 0 < len(name) <= MAX_NAME_CHARS for name in value)
