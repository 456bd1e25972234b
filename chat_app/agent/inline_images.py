"""Images for models that can see: the context keeps references, each model call carries the bytes inline."""

from base64 import b64encode
from typing import Any
from uuid import UUID

from chat_app.runs.contract import Item
from files_app.attachments import REFERENCE, image_bytes

from .tools.workspace import in_files
from .transcript import Transcript

# Of one model call, the newest first: providers refuse requests beyond about 50 MB.
MAX_IMAGES = 20
MAX_IMAGES_CHARS = 40 * 1024 * 1024  # in base64
UNSEEN = {"type": "input_text", "text": "(An image that was attached here cannot be shown.)"}


async def with_images(items: list[Item], transcript: Transcript, can_see: bool) -> list[Item]:
    """`items` with the bytes in place of each reference. For a model that cannot see, without images: the text of the
    message names the files."""
    images, chars = 0, 0
    exchanged = list(items)
    for index in reversed(range(len(items))):
        content = items[index].get("content")
        if not isinstance(content, list) or not any(map(_file_id, content)):
            continue
        parts: list[Item] = []
        for part in content:
            file_id = _file_id(part)
            if not file_id:
                parts.append(part)
            elif can_see:
                url = await _image_url(file_id, transcript) if images < MAX_IMAGES else ""
                if url and chars + len(url) <= MAX_IMAGES_CHARS:
                    images, chars = images + 1, chars + len(url)
                    parts.append({**part, "image_url": url})
                else:
                    parts.append(UNSEEN)
        exchanged[index] = {**items[index], "content": parts}
    return exchanged


def _file_id(part: Any) -> str:
    """Of a part that refers to an image; else empty."""
    url = part.get("image_url") if isinstance(part, dict) else None
    return url.removeprefix(REFERENCE) if isinstance(url, str) and url.startswith(REFERENCE) else ""


async def _image_url(file_id: str, transcript: Transcript) -> str:
    """A data URL, read once in a run; empty if the image is gone."""
    if file_id not in transcript.images:
        transcript.images[file_id] = await in_files(_data_url, transcript.request.session_pk, file_id)
    return transcript.images[file_id]


def _data_url(session_pk: UUID, file_id: str) -> str:
    found = image_bytes(session_pk, file_id)
    return f"data:{found[0]};base64,{b64encode(found[1]).decode()}" if found else ""
