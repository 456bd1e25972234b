"""Files that come inside a message: images in base64 become files of the session, documents are names of its files."""

import base64
import binascii
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from files_app import kinds, names
from files_app.attachments import MAX_ATTACHMENTS, MAX_IMAGE_BYTES, Attachment, InvalidAttachment, content_for_model
from files_app.exceptions import InvalidName, NoSuchFile
from files_app.incoming import Facts, Incoming
from files_app.models import File, bytes_of
from files_app.models.stored import StoredBytes
from files_app.workspace import Workspace
from sessions_app.models import ChatSession

KINDS = "PNG, JPEG, GIF or WebP"


@dataclass(frozen=True, slots=True)
class MessageFiles:
    """What came with one message: bytes that are stored and belong to nobody yet, files, and names of no file."""

    session: ChatSession
    images: Sequence[tuple[StoredBytes, Facts]]
    documents: Sequence[File]
    unknown: Sequence[str]

    def attach(self, text: str) -> tuple[dict[str, Any], str | list[dict[str, Any]]]:
        """The metadata of the message with that text, and the content that the model is given.

        Called in the transaction that adds the message: in it the images become files.
        """
        images = [File.objects.put(self.session, names.SOURCES, image_name(f), row, f) for row, f in self.images]
        attachments = [Attachment.of(file) for file in [*images, *self.documents]]
        metadata: dict[str, Any] = {}
        if attachments:
            metadata["attachments"] = [attachment.reference() for attachment in attachments]
        if self.unknown:
            metadata["documents"] = list(self.unknown)
        return metadata, content_for_model(text, attachments)


@contextmanager
def message_files(session: ChatSession, images: Sequence[str], documents: Sequence[str]) -> Iterator[MessageFiles]:
    """Check and store what comes with a message, outside of any transaction; what is not attached goes at the end.

    `images` are base64 or `data:` URLs. Of `documents`, the files of the session are attached, and the others
    kept as names. Raises InvalidAttachment, FileTooLarge, QuotaExceeded.
    """
    found = {name: document(session, name) for name in documents}
    files = [file for file in found.values() if file]
    if len(images) + len(files) > MAX_ATTACHMENTS:
        raise InvalidAttachment(f"A message has at most {MAX_ATTACHMENTS} attachments.")
    decoded = [decode(image, number) for number, image in enumerate(images, 1)]
    with ExitStack() as stack:
        stored = [store(session, data, number, stack) for number, data in enumerate(decoded, 1)]
        yield MessageFiles(session, stored, files, [name for name, file in found.items() if file is None])


def document(session: ChatSession, name: str) -> File | None:
    try:
        return Workspace(session).find(name)
    except (NoSuchFile, InvalidName):
        return None


def decode(image: str, number: int) -> bytes:
    """Also of a `data:` URL."""
    head, comma, rest = image.partition(",")
    text = rest if comma and head.startswith("data:") else image
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAttachment(f"Image {number} is not base64.") from None


def store(session: ChatSession, data: bytes, number: int, stack: ExitStack) -> tuple[StoredBytes, Facts]:
    """The bytes are deleted when the stack ends, unless a file has been made of them."""
    incoming = stack.enter_context(Incoming(MAX_IMAGE_BYTES))
    incoming.write(data)
    if incoming.facts().content_type not in kinds.VISIBLE_IMAGES:
        raise InvalidAttachment(f"Image {number} is not a {KINDS}.")
    return stack.enter_context(bytes_of(session, incoming))


def image_name(facts: Facts) -> str:
    return f"image-{secrets.token_hex(6)}{kinds.extension_of(facts.content_type)}"
