"""Conversations that are long before anybody looks, written on the server's machine."""

from tests.harness.server import EMAIL, Site

_LOAD = """
from django.contrib.auth import get_user_model
from django.db import transaction
from sessions_app.models import ChatSession
from sessions_app.models.draft import MessageDraft
alice = get_user_model().objects.get(email="{email}")
session, _ = ChatSession.objects.open(alice, public_id="{name}", title="A long one")
def said(n):
    if n % 2:
        return MessageDraft(role="user", content=f"Question {{n}}")
    code = f"\\n\\n```python\\nfor each in range({{n}}):\\n    print(each)\\n```" if n % 10 == 0 else ""
    return MessageDraft(role="assistant", content=f"Answer {{n}}. " + "Some *words* of it. " * (n % 23) + code)
with transaction.atomic():
    for start in range(1, {count} + 1, 500):
        session.add_messages([said(n) for n in range(start, min(start + 500, {count} + 1))])
"""


def long_session(site: Site, name: str, count: int) -> None:
    """One of the default user's, with `count` messages: "Question 1", "Answer 2. …"; every tenth with code."""
    site.manage("shell", "-v", "0", "-c", _LOAD.format(email=EMAIL, name=name, count=count))


_MANY = """
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.utils import timezone
from sessions_app.models import ChatSession, SessionTally
from sessions_app.search.shelves import scheme
alice = get_user_model().objects.get(email="{email}")
now = timezone.now()
def made(n):
    at = now - timedelta(seconds={apart_s} * n)
    return ChatSession(
        owner=alice, public_id=f"{name}_{{n}}", title=f"Many {{n}} of them", model="gpt-5.2", search_scheme=scheme(),
        last_message_preview="Some words of the last answer. " * 3, created_at=at, updated_at=at, last_used_at=at,
    )
for start in range(1, {count} + 1, 10_000):
    numbers = range(start, min(start + 10_000, {count} + 1))
    ChatSession.objects.bulk_create([made(n) for n in numbers], batch_size=2000)
SessionTally.objects.change(alice.pk, "default", {count})
"""


def many_sessions(site: Site, name: str, count: int, apart_s: float = 0.01) -> None:
    """Of the default user's, without messages: "Many 1 of them" was used last, each of the next so long before. Lists
    find them by their titles, the search in messages does not."""
    site.manage("shell", "-v", "0", "-c", _MANY.format(email=EMAIL, name=name, count=count, apart_s=apart_s))


_FORGET = """
from sessions_app.models import ChatSession
ChatSession.objects.filter(public_id__startswith="{name}_").delete()
"""


def forget_sessions(site: Site, name: str) -> None:
    site.manage("shell", "-v", "0", "-c", _FORGET.format(name=name))
