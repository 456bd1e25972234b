"""The Agents SDK's Session protocol over the rows of llm_context."""

import json
from typing import Any, cast
from uuid import UUID

import orjson
from agents.items import TResponseInputItem
from agents.memory import SessionSettings

from chat_app.database import in_database
from chat_app.runs.contract import Item, RunRequest, Writer
from sessions_app.models import ContextItem

from .repair import repaired
from .sight import with_images


class ContextSession:
    """What the model is given, for the time of one run.

    The writer is the only writer of a run's context, and the models hand it each item as soon as it is whole, before a
    tool acts on it; `add_items`, which the SDK calls after each turn, writes what is still missing then.
    """

    session_settings: SessionSettings | None = None

    def __init__(self, request: RunRequest, writer: Writer) -> None:
        self.session_id = request.public_id
        self._session_pk, self._model = request.session_pk, request.model
        self._history = request.history
        self._writer = writer
        self._written: list[Item] = []
        self._keys: set[tuple[str, str]] = set()

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        if self._history is None:
            self._history = await in_database(_stored, self._session_pk)
        items = self._history + self._written
        wanted = repaired(items if limit is None else items[-limit:] if limit else [])
        return cast(list[TResponseInputItem], await with_images(wanted, self._session_pk, self._model))

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        await self.write([item for item in cast(list[Item], items) if self._is_missing(item)])

    def _is_missing(self, item: Item) -> bool:
        kind, identity = _key(item)
        if kind == "reasoning" and not item.get("encrypted_content"):
            return False  # nobody can read it again
        return bool(identity) and (kind, identity) not in self._keys

    async def write(self, items: list[Item]) -> None:
        if items:
            self._keys.update(map(_key, items))
            self._written += items
            await self._writer.items(items)

    async def recall(self) -> list[Item]:
        """Of a run that goes on: all that is written, so that nothing of it is written again."""
        if self._history is None:
            self._history = await in_database(_stored, self._session_pk)
        self._keys.update(map(_key, self._history))
        return self._history

    def knows_call(self, call_id: str) -> bool:
        return ("function_call", call_id) in self._keys or any(
            item.get("call_id") == call_id for item in self._history or ()
        )

    def wrote_output(self, call_id: str) -> bool:
        return ("function_call_output", call_id) in self._keys

    async def pop_item(self) -> TResponseInputItem | None:
        await self._writer.flush()
        item = await in_database(_pop, self._session_pk)
        self._history, self._written = None, []
        return cast(TResponseInputItem | None, item)

    async def clear_session(self) -> None:
        await self._writer.flush()
        await in_database(_clear, self._session_pk)
        self._history, self._written = [], []
        self._keys.clear()


def _key(item: Item) -> tuple[str, str]:
    """Tells an item of this run from its others, whether it still has the SDK's or the provider's decoration."""
    kind = str(item.get("type") or "message")
    if kind in ("function_call", "function_call_output"):
        return kind, str(item.get("call_id"))
    if kind == "message":
        content = item.get("content")
        parts: list[Any] = content if isinstance(content, list) else [{"text": content}]
        return f"{kind} {item.get('role')}", "".join(part.get("text") or part.get("refusal") or "" for part in parts)
    return kind, str(item.get("id") or item.get("encrypted_content"))


def _stored(session_pk: UUID) -> list[Item]:
    rows = list(ContextItem.objects.filter(session_id=session_pk).order_by("position").values_list("item", flat=True))
    try:
        items: list[Item] = orjson.loads(f"[{','.join(rows)}]")
    except ValueError:  # what only the slower parser takes, such as halves of characters
        items = [json.loads(row) for row in rows]
    return items


def _pop(session_pk: UUID) -> Item | None:
    row = ContextItem.objects.filter(session_id=session_pk).order_by("-position").first()
    if row is None:
        return None
    row.delete()
    return row.value


def _clear(session_pk: UUID) -> None:
    ContextItem.objects.filter(session_id=session_pk).delete()
