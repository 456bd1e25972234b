"""Images for a model that can see: the context keeps references, and each call is given the bytes."""

import asyncio
import base64
from typing import Any
from uuid import UUID

from chat_app.database import in_database
from chat_app.runs.contract import Item
from files_app.attachments import REFERENCE, image_bytes
from sessions_app.catalogue import can_see

# Of one call, the newest first: providers refuse requests beyond about 50 MB, and base64 adds a third.
MAX_IMAGES = 20
MAX_TOTAL_BYTES = 30 * 1024 * 1024
UNSEEN = {"type": "input_text", "text": "(An image that was attached here cannot be shown.)"}


async def with_images(items: list[Item], session_pk: UUID, model: str) -> list[Item]:
    """`items` with each reference to an image exchanged for the image, or for a word that there was one."""
    references = [part["image_url"] for item in items for part in _images(item)]
    if not references:
        return items
    shown: dict[str, str] = {}
    total_bytes = 0
    for reference in dict.fromkeys(reversed(references)) if can_see(model) else ():
        found = await in_database(image_bytes, session_pk, reference.removeprefix(REFERENCE))
        if found is None or len(shown) == MAX_IMAGES or total_bytes + len(found[1]) > MAX_TOTAL_BYTES:
            continue
        total_bytes += len(found[1])
        shown[reference] = await asyncio.to_thread(_data_url, *found)
    return [_shown(item, shown) if _images(item) else item for item in items]


def _images(item: Item) -> list[dict[str, Any]]:
    content = item.get("content")
    return [part for part in content if _is_reference(part)] if isinstance(content, list) else []


def _is_reference(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and part.get("type") == "input_image"
        and str(part.get("image_url", "")).startswith(REFERENCE)
    )


def _shown(item: Item, shown: dict[str, str]) -> Item:
    def part_shown(part: dict[str, Any]) -> dict[str, Any]:
        if not _is_reference(part):
            return part
        return {**part, "image_url": shown[part["image_url"]]} if part["image_url"] in shown else UNSEEN

    return {**item, "content": [part_shown(part) for part in item["content"]]}


def _data_url(content_type: str, data: bytes) -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
