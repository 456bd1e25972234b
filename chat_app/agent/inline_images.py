"""Images on their way to a model that can see: the history keeps a reference, each call carries the bytes."""

from base64 import b64encode
from typing import Any

from chat_app.runs.contract import Item
from files_app.attachments import REFERENCE, image_bytes

from .tools.workspace import in_files
from .transcript import Transcript

GONE = {"type": "input_text", "text": "(An image that was attached here is not there any more.)"}
# Of all images of one call; the oldest are left out first.
MAX_IMAGES_BYTES = 40 * 1024 * 1024


async def with_images(items: list[Item], transcript: Transcript, sees: bool) -> list[Item]:
    """`items` with the bytes in the place of each reference, or for a model that does not see, without images: their
    names stand in the text."""
    room = MAX_IMAGES_BYTES
    exchanged = list(items)
    for index in reversed(range(len(items))):
        content = items[index].get("content")
        if not isinstance(content, list) or not any(map(_reference, content)):
            continue
        parts: list[Item] = []
        for part in content:
            file_id = _reference(part)
            if not file_id:
                parts.append(part)
            elif sees:
                url = await _data_url(file_id, transcript)
                room -= len(url)
                parts.append({**part, "image_url": url} if url and room > 0 else GONE)
        exchanged[index] = {**items[index], "content": parts}
    return exchanged


def _reference(part: Any) -> str:
    url = part.get("image_url") if isinstance(part, dict) else None
    return url.removeprefix(REFERENCE) if isinstance(url, str) and url.startswith(REFERENCE) else ""


async def _data_url(file_id: str, transcript: Transcript) -> str:
    """Read once in a run."""
    if file_id not in transcript.images:
        found = await in_files(image_bytes, transcript.request.session_pk, file_id)
        transcript.images[file_id] = f"data:{found[0]};base64,{b64encode(found[1]).decode()}" if found else ""
    return transcript.images[file_id]
