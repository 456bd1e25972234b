from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from files_app.models import Export, Holder, StoredBytes
from sessions_app.models import Agent, ChatSession


@receiver(pre_delete, sender=Agent)
@receiver(pre_delete, sender=ChatSession)
def mark_bytes_deleted(instance: Holder, **kwargs: Any) -> None:
    """However a session or an agent goes, by its own verb or with its owner: its bytes are given up with it.

    They know the holder by its id, so that it does not matter which rows of files went before.
    """
    StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(session_id=instance.pk))


@receiver(pre_delete, sender=Export)
def mark_export_deleted(instance: Export, **kwargs: Any) -> None:
    """With its owner, after its time, or for the next one."""
    StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(pk=instance.storage_key))
