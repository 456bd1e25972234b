"""Files that come inside a message: images as base64 become files of the session, documents name those it has."""

import base64
import binascii
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from files_app import kinds, names
from files_app.attachments import MAX_ATTACHMENTS, MAX_IMAGE_BYTES, Attachment, InvalidAttachment, content_for_model
from files_app.exceptions import InvalidName, NoSuchFile
from files_app.incoming import Facts, Incoming
from files_app.models import File, bytes_of
from files_app.models.stored import StoredBytes
from files_app.workspace import Workspace
from sessions_app.attachments import Keep, Kept
from sessions_app.models import ChatSession

KINDS = "PNG, JPEG, GIF or WebP"


@contextmanager
def brought(session: ChatSession, images: Sequence[str], documents: Sequence[str]) -> Iterator[Keep]:
    """See `sessions_app.attachments.register`. Raises InvalidAttachment, FileTooLarge, QuotaExceeded."""
    if len(images) + len(documents) > MAX_ATTACHMENTS:
        raise InvalidAttachment(f"A message has at most {MAX_ATTACHMENTS} attachments.")
    decoded = [decode(image, number) for number, image in enumerate(images, 1)]
    with ExitStack() as stack:
        stored = [store(session, data, number, stack) for number, data in enumerate(decoded, 1)]

        def keep(text: str) -> Kept:
            named = [document(session, name) for name in documents]
            shown = [File.objects.put(session, names.SOURCES, image_name(facts), row, facts) for row, facts in stored]
            attachments = [Attachment.of(file) for file in [*shown, *named]]
            return Kept(
                {"attachments": [attachment.reference() for attachment in attachments]},
                content_for_model(text, attachments),
            )

        yield keep


def decode(image: str, number: int) -> bytes:
    """Also of a `data:` URL."""
    head, comma, rest = image.partition(",")
    text = rest if comma and head.startswith("data:") else image
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAttachment(f"Image {number} is not base64.") from None


def store(session: ChatSession, data: bytes, number: int, stack: ExitStack) -> tuple[StoredBytes, Facts]:
    """Until the stack ends, unless they are kept."""
    incoming = stack.enter_context(Incoming(MAX_IMAGE_BYTES))
    incoming.write(data)
    if incoming.facts().content_type not in kinds.VISIBLE_IMAGES:
        raise InvalidAttachment(f"Image {number} is not a {KINDS}.")
    return stack.enter_context(bytes_of(session, incoming))


def image_name(facts: Facts) -> str:
    return f"image-{secrets.token_hex(6)}{kinds.extension_of(facts.content_type)}"


def document(session: ChatSession, name: str) -> File:
    try:
        return Workspace(session).find(name)
    except (NoSuchFile, InvalidName):
        raise InvalidAttachment(f"There is no file {name[:100]} in this session.") from None
