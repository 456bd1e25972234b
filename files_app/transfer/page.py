"""One conversation as a page that needs nothing else: no script, no other address, both themes, fit to be printed."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from django.utils.html import escape, format_html

from files_app.exceptions import FileDamaged, NoSuchFile
from files_app.models import File
from files_app.opened import chunks_of
from sessions_app.models import ChatSession, Message
from sessions_app.sharing.formulas import Formulas
from sessions_app.sharing.markdown import html_of
from sessions_app.sharing.page import STYLE

from .documents import SPEAKERS, attached, title_of
from .visible import messages_shown

MAX_PICTURE_BYTES = 4 * 1024 * 1024  # a larger one is named, not shown

HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    '<meta name="referrer" content="no-referrer">\n'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
    "<title>{title}</title>\n<style>{style}img {{ max-width: 100% }}</style></head>\n"
    "<body><header><h1>{title}</h1><p>{date} UTC</p></header>\n"
)


def as_html(session: ChatSession) -> Iterator[bytes]:
    title = escape(title_of(session))
    yield HEAD.format(title=title, style=STYLE, date=f"{session.created_at:%Y-%m-%d %H:%M}").encode()
    formulas = Formulas()
    for message in messages_shown(session):
        yield from map(str.encode, article(session, message, formulas))
    yield b"</body></html>\n"


def article(session: ChatSession, message: Message, formulas: Formulas) -> Iterator[str]:
    if message.role == Message.Role.TOOL_CALL:
        yield tool_call(message)
        return
    role = Message.Role(message.role)
    is_answer = role == Message.Role.ASSISTANT
    yield f"<article class={role.value}><h2>{SPEAKERS[role]}</h2>"
    yield html_of(message.content, formulas) if is_answer else f"<p class=said>{escape(message.content)}</p>"
    for path in attached(message):
        yield picture(session, path)
    if message.error or message.partial:
        yield format_html("<p class=cut>{}</p>", message.error.message if message.error else "cut short")
    yield "</article>\n"


def tool_call(message: Message) -> str:
    told = "".join(f"<pre>{escape(text)}</pre>" for text in (message.tool_arguments, message.tool_result) if text)
    return f"<details class=call><summary>{escape(message.tool_name)}</summary>{told}</details>\n"


def picture(session: ChatSession, path: str) -> str:
    """The picture itself, or the name of what is none, too large, or no more there."""
    folder, _, name = path.partition("/")
    file = session.files.filter(folder=folder, name=name).first()
    if file is not None and file.is_visible_image and file.size_bytes <= MAX_PICTURE_BYTES:
        try:
            return format_html('<p><img alt="{}" src="{}"></p>', path, data_url(file))
        except (NoSuchFile, FileDamaged):
            pass
    return format_html("<p class=cut>Attached: {}</p>", path)


def data_url(file: File) -> str:
    return f"data:{file.content_type};base64,{base64.b64encode(b''.join(chunks_of(file))).decode()}"
