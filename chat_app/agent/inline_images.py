"""Images for models that can see: the context keeps references, each model call carries the bytes inline."""

from base64 import b64encode
from uuid import UUID

from chat_app.runs.contract import Item
from files_app.attachments import image_bytes

from .image_references import file_id_of, refers_to_image
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
        if not refers_to_image(items[index]):
            continue
        parts: list[Item] = []
        for part in items[index]["content"]:
            file_id = file_id_of(part)
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


async def _image_url(file_id: str, transcript: Transcript) -> str:
    """A data URL, read once in a run; empty if the image is gone."""
    if file_id not in transcript.images:
        transcript.images[file_id] = await in_files(_data_url, transcript.request.session_pk, file_id)
    return transcript.images[file_id]


def _data_url(session_pk: UUID, file_id: str) -> str:
    found = image_bytes(session_pk, file_id)
    return f"data:{found[0]};base64,{b64encode(found[1]).decode()}" if found else ""
