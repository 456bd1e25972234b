"""How an image stands in the context: by a reference to its file."""

from typing import Any

from chat_app.runs.contract import Item
from files_app.attachments import REFERENCE


def refers_to_image(item: Item) -> bool:
    content = item.get("content")
    return isinstance(content, list) and any(map(file_id_of, content))


def file_id_of(part: Any) -> str:
    """Of a part that refers to an image; else empty."""
    url = part.get("image_url") if isinstance(part, dict) else None
    return url.removeprefix(REFERENCE) if isinstance(url, str) and url.startswith(REFERENCE) else ""
