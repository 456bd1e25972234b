"""Moves old sessions out of the way of the new ones, one after the other."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F, Q

from sessions_app.models import ChatSession, PackedHistory


def archive_unused(since: datetime) -> Iterator[int]:
    """Packs the sessions that were not used since then; 1 for each that was packed."""
    something = Q(message_count__gt=0) | Q(last_context_position__gt=0) | Q(last_seq__gt=F("forgotten_seq"))
    old = ChatSession.objects.filter(something, packed=False, last_used_at__lt=since)
    for key in list(old.order_by("last_used_at").values_list("pk", flat=True)):
        if PackedHistory.objects.pack(ChatSession(pk=key), since):
            yield 1
