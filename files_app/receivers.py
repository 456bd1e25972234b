from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from files_app.models import StoredBytes
from sessions_app.models import ChatSession


@receiver(pre_delete, sender=ChatSession)
def doom_bytes(instance: ChatSession, **kwargs: Any) -> None:
    """However a session goes, by its own verb or with its owner: in that transaction its bytes are given up.

    They know the session by its id, so that it does not matter which rows of files went before.
    """
    StoredBytes.objects.doom(StoredBytes.objects.filter(session_id=instance.pk))
