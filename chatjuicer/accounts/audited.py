"""What administrators set up, in the audit log: the rows are watched, so that each door to them is."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models.signals import post_delete, post_save, pre_save

from chatjuicer.accounts.models import Act, AuditEntry
from chatjuicer.encryption import EncryptedTextField, UnknownKey

NOT_SET = "not set"


def everyone(row: models.Model) -> bool:
    return True


def audit_changes(
    model: type[models.Model], *, told: Iterable[str] = (), only: Callable[[Any], bool] = everyone, part_of: str = ""
) -> None:
    """Each row of the model that is made, changed or deleted is a line from now on. Of a change the line has the names
    of the fields, and the new values of those that are `told`; of other rows than `only` there is none. `part_of`:
    the model whose row this one belongs to, with the same key; its creation is a change of that row, and its deletion
    is not noted."""
    values, kind = tuple(told), part_of or str(model._meta.model_name)

    def before(instance: models.Model, **_: Any) -> None:
        if only(instance):
            instance.__dict__["_unsaved_changes"] = changed_fields(instance)

    def saved(instance: models.Model, created: bool, **_: Any) -> None:
        if only(instance):
            changed = instance.__dict__.pop("_unsaved_changes", [])
            act = Act.SETTING_CREATED if created and not part_of else Act.SETTING_CHANGED
            if created or changed:
                note_change(act, instance, kind, changed=[] if created else changed, told=values)

    def deleted(instance: models.Model, **_: Any) -> None:
        if only(instance) and not part_of:
            note_change(Act.SETTING_DELETED, instance, kind)

    for signal, receiver in ((pre_save, before), (post_save, saved), (post_delete, deleted)):
        signal.connect(receiver, sender=model, weak=False, dispatch_uid=f"audit {model._meta.label}")


def note_change(
    act: Act, row: models.Model, kind: str = "", *, changed: Iterable[str] = (), told: Iterable[str] = ()
) -> None:
    details: dict[str, Any] = {"name": str(row)}
    if changed := sorted(changed):
        details["changed"] = changed
    for name in told:
        value = getattr(row, name)
        details[name] = NOT_SET if value is None else float(value) if isinstance(value, Decimal) else value
    AuditEntry.objects.note(act, f"{kind or row._meta.model_name}:{row.pk}", **details)


def changed_fields(row: models.Model) -> list[str]:
    """Names of the fields that a save of the row would change; none of a new one. Deferred fields are left out, and
    not read. Where a sealed text of the row cannot be read (its key is gone), all of them count as changed."""
    unread = row.get_deferred_fields()
    fields = [field for field in row._meta.concrete_fields if field.attname not in unread]
    try:
        held = held_of(row, [field.attname for field in fields])
        unreadable = []
    except UnknownKey:
        unreadable = [field.attname for field in fields if isinstance(field, EncryptedTextField)]
        held = held_of(row, [field.attname for field in fields if field.attname not in unreadable])
    return [*unreadable, *(name for name, value in held.items() if getattr(row, name) != value)]


def held_of(row: models.Model, names: list[str]) -> dict[str, Any]:
    """What the database has in these fields; nothing of a new row. Raises UnknownKey."""
    return type(row)._default_manager.filter(pk=row.pk).values(*names).first() or {}
