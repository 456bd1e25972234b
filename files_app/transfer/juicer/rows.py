"""Rows of the original as lines of an archive. Each function raises UnreadableArchive for what is none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from chatjuicer.encryption import storable
from files_app.transfer.exceptions import UnreadableArchive
from files_app.transfer.formats.tree import checked, moment, text
from files_app.transfer.reading import parsed
from files_app.transfer.records import ContextLine, MessageLine, ProjectLine, SessionLine

from .database import Row

SOURCE = "juicer"
TEXTS = ("input_text", "output_text", "text")
PICTURE = "input_image"

PictureOf = Callable[[str], str | None]
"""What the archive calls the file of a `data:` address; None where it is no picture."""


def origin_of(row: Row) -> str:
    return f"{SOURCE}:{row['id']}"


def project_line(row: Row) -> ProjectLine:
    created = first_time(row.get("created_at"), row.get("updated_at"))
    return cast(
        ProjectLine,
        checked(
            ProjectLine,
            {
                "id": text(row["id"]),
                "name": text(row["name"], 255),
                "description": text(row["description"], 2_000),
                "created_at": created,
                "updated_at": first_time(row.get("updated_at"), created),
            },
        ),
    )


def session_line(row: Row) -> SessionLine:
    servers = json_in(row.get("mcp_config"))
    fields = {
        "origin": origin_of(row),
        "session_id": text(row["session_id"], 64),
        "title": text(row["title"], 255),
        "is_named": row.get("is_named") == "true",
        "model": text(row.get("model"), 128),
        "reasoning_effort": text(row.get("reasoning_effort"), 16),
        "mcp_config": servers if is_list_of_texts(servers) else None,
        "pinned": row.get("pinned") == "true",
        "created_at": first_time(row["created_at"], row["last_used_at"]),
        "updated_at": first_time(row["last_used_at"], row["created_at"]),
    }
    return cast(SessionLine, checked(SessionLine, fields))


def message_line(row: Row, number: int, before: datetime, picture_of: PictureOf) -> MessageLine:
    """`before` is when the one before it was said."""
    metadata = json_in(row.get("metadata"))
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    partial, interrupted = metadata.pop("partial", False) is True, metadata.pop("interrupted", False) is True
    said, pictures = words_and_pictures(row["content"], picture_of) if row["role"] == "user" else (row["content"], [])
    fields: dict[str, Any] = {
        "id": number,
        "role": row["role"],
        "created_at": first_time(row["created_at"], before),
        "content": text(said),
        "status": "interrupted" if partial or interrupted else "completed",
        "partial": partial,
        "metadata": metadata,
        "attachments": pictures,
    }
    if row["role"] == "tool_call":
        fields |= {
            "content": "",  # there it repeats the tool's name
            "tool_call_id": text(row.get("tool_call_id"), 255),
            "tool_name": text(row.get("tool_name"), 255),
            "tool_arguments": arguments_in(row.get("tool_arguments")),
            "tool_result": text(row.get("tool_result")),
            "tool_success": None if row.get("tool_success") is None else row["tool_success"] == "true",
        }
    return cast(MessageLine, checked(MessageLine, fields))


def context_item(row: Row) -> dict[str, Any]:
    item = parsed((row["content"] or "").encode())
    if not isinstance(item, dict):
        raise UnreadableArchive("It is no item of a model's context.")
    return item


def context_line(item: dict[str, Any], message: int | None, picture_of: PictureOf) -> ContextLine:
    """Pictures that stand in it become references to their files."""
    content = item.get("content")
    if isinstance(content, list):
        item = item | {"content": [with_reference(part, picture_of) for part in content]}
    fields = {"item": written(cleaned(item)), "message": message}
    return cast(ContextLine, checked(ContextLine, fields))


def with_reference(part: Any, picture_of: PictureOf) -> Any:
    address = part.get("image_url") if isinstance(part, dict) and part.get("type") == PICTURE else None
    file = picture_of(address) if isinstance(address, str) else None
    return part if file is None else part | {"image_url": f"attachment:{file}"}


def words_and_pictures(content: str | None, picture_of: PictureOf) -> tuple[str, list[str]]:
    """Messages with pictures are stored as JSON: a list of parts."""
    parts = parts_in(content)
    if parts is None:
        return content or "", []
    addresses = [part["image_url"] for part in parts if isinstance(part.get("image_url"), str)]
    files = [file for address in addresses if (file := picture_of(address)) is not None]
    return text_in(parts), list(dict.fromkeys(files))


def parts_in(content: str | None) -> list[dict[str, Any]] | None:
    if not content or not content.startswith("[{"):
        return None
    with suppress(UnreadableArchive):
        parts = parsed(content.encode())
        if isinstance(parts, list) and all(
            isinstance(part, dict) and part.get("type") in (*TEXTS, PICTURE) for part in parts
        ):
            return parts
    return None


def text_in(content: Any) -> str:
    """Of a message's content, or a context item's."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") in TEXTS]
    return "\n".join(each for each in texts if isinstance(each, str))


def arguments_in(column: str | None) -> str:
    """A tool call's, as JSON text, which some versions have stored as a JSON text of a JSON text."""
    value = cleaned(parsed(column.encode())) if column else None
    if value is None:
        return ""
    return text(value) if isinstance(value, str) else written(value)


def written(value: Any) -> str:
    """As JSON text. Raises UnreadableArchive."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        raise UnreadableArchive("It is nested too deeply, or has a number that is too large.") from None


def json_in(column: str | None) -> Any:
    value = parsed(column.encode()) if column else None
    if isinstance(value, str):
        with suppress(UnreadableArchive):
            value = parsed(value.encode())
    return cleaned(value)


def cleaned(value: Any) -> Any:
    """Without what no database takes."""
    try:
        match value:
            case str():
                return storable(value)
            case list():
                return [cleaned(each) for each in value]
            case dict():
                return {storable(name): cleaned(each) for name, each in value.items()}
    except RecursionError:
        raise UnreadableArchive("It is nested too deeply.") from None
    return value


def is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def first_time(*said: str | datetime | None) -> datetime:
    """The first that is one."""
    for one in said:
        if isinstance(one, datetime):
            return one
        with suppress(UnreadableArchive):
            if time := moment(one):
                return time
    return datetime.now(UTC)
