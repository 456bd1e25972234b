"""Files that come with a message. What is kept of them is a reference, never their bytes."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

import msgspec

from chatjuicer.api.exceptions import ApiError
from files_app.exceptions import FileDamaged, InvalidName, NoSuchFile
from files_app.models import File
from files_app.opened import as_it_is_now
from files_app.workspace import Workspace, bytes_in
from sessions_app.models import ChatSession

MAX_ATTACHMENTS = 20
# In a context item, before the id of an image's file.
REFERENCE = "attachment:"
# Providers take no larger images.
MAX_IMAGE_BYTES = 20 * 1024 * 1024


class InvalidAttachment(ApiError):
    code = "invalid_attachment"
    message = "The attachment is not a file of this session."


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a message's metadata holds of a file, as `reference`."""

    file_id: str
    path: str
    content_type: str
    size_bytes: int
    is_image: bool

    @classmethod
    def of(cls, file: File) -> Self:
        return cls(str(file.pk), file.path, file.content_type, file.size_bytes, file.is_visible_image)

    @classmethod
    def all_of(cls, metadata: dict[str, Any]) -> list[Self]:
        """The references in a message's metadata. A client may have written it: what is no valid reference is left
        out."""
        references = metadata.get("attachments")
        found = []
        for reference in references if isinstance(references, list) else []:
            with suppress(msgspec.ValidationError):
                found.append(msgspec.convert(reference, cls))
        return found

    def reference(self) -> dict[str, Any]:
        return asdict(self)


def resolve(session: ChatSession, items: Sequence[Any]) -> list[Attachment]:
    """What a client attached, each file once: `{file_id}` or `{type: "image_ref", filename, path}`.

    Raises InvalidAttachment, which is a 400, for anything that is not one of the session's own files.
    """
    if len(items) > MAX_ATTACHMENTS:
        raise InvalidAttachment(f"A message has at most {MAX_ATTACHMENTS} attachments.")
    found = [Attachment.of(file_meant(session, item)) for item in items]
    return list(dict.fromkeys(found))


def file_meant(session: ChatSession, item: Any) -> File:
    if not isinstance(item, dict):
        raise InvalidAttachment("An attachment is an object.")
    if "file_id" in item:
        return by_id(session, item["file_id"])
    if item.get("type") == "image_ref":
        return by_path(session, item.get("path"), item.get("filename"))
    raise InvalidAttachment('An attachment has a file_id, or is of the type "image_ref".')


def by_id(session: ChatSession, file_id: Any) -> File:
    try:
        return session.files.get(pk=UUID(file_id))
    except (ValueError, TypeError, AttributeError, File.DoesNotExist):
        raise InvalidAttachment() from None


def by_path(session: ChatSession, path: Any, filename: Any) -> File:
    """Older clients say a path, or only the name of what they have uploaded."""
    workspace = Workspace(session)
    for said in (path, filename):
        if isinstance(said, str) and said:
            try:
                return workspace.find(said)
            except (NoSuchFile, InvalidName):
                continue
    raise InvalidAttachment()


def content_for_model(text: str, attachments: Sequence[Attachment]) -> str | list[dict[str, Any]]:
    """The content of the context item of a message: every file by its path, images also as references, which the
    runtime exchanges for their bytes at each call of a model that can see."""
    if not attachments:
        return text
    named = "Attached files: " + ", ".join(attachment.path for attachment in attachments)
    texts = [{"type": "input_text", "text": said} for said in (text, named) if said.strip()]
    images = [
        {"type": "input_image", "detail": "auto", "image_url": f"{REFERENCE}{attachment.file_id}"}
        for attachment in attachments
        if attachment.is_image
    ]
    return [*texts, *images]


def image_bytes(session_pk: UUID, file_id: str) -> tuple[str, bytes] | None:
    """Content type and bytes for a model that can see; None if the file is gone, damaged, no image, or too large."""
    try:
        file = File.objects.filter(session_id=session_pk, pk=UUID(file_id)).first()
    except ValueError:  # an import may name anything
        return None
    try:
        return as_it_is_now(file, image_in) if file else None
    except (NoSuchFile, FileDamaged):
        return None


def image_in(file: File) -> tuple[str, bytes] | None:
    if not file.is_visible_image or file.size_bytes > MAX_IMAGE_BYTES:
        return None
    return file.content_type, bytes_in(file, MAX_IMAGE_BYTES)
