"""The page: its messages are made into HTML when they are shared, so that to show it costs no more than to read it."""

import base64
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.html import escape, format_html

from chatjuicer.api.addresses import absolute
from chatjuicer.api.errors import read_only
from sessions_app.history import History
from sessions_app.models import Message, Share

from .formulas import Formulas
from .markdown import html_of

MAX_CHARS = 4_000_000
"""Of all messages of a page."""

MAX_CALL_CHARS = 4_000
"""Of what a tool was given, and of what it answered."""

PAGE = 500
SPEAKERS = {"user": "You", "assistant": "Assistant", "system": "Note"}
CUT = "<p class=cut>The conversation goes on; it is too long to be shown whole.</p>"

STYLE = (Path(__file__).parent / "page.css").read_text()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_of(history: History, last: UUID | None = None) -> tuple[str, list[dict[str, Any]]]:
    """The finished messages of the visible path, as HTML; and as what makes messages of a copy, which holds no more
    than the page shows. It ends with the `last` one. Raises DoesNotExist if that is none of them."""
    end = None if last is None else position_of(history, last)
    parts, formulas = list[str](), Formulas()
    said: list[dict[str, Any]] = []
    chars = 0
    for message in all_messages(history):
        if end is not None and message.position > end:
            break
        chars += len(message.content) + min(len(message.tool_result), MAX_CALL_CHARS)
        if chars > MAX_CHARS:
            return "".join([*parts, CUT]), said
        parts.append(article(message, formulas))
        if parts[-1]:
            said.append(shown(message))
    return "".join(parts), said


def position_of(history: History, key: UUID) -> int:
    """Of a finished message of the visible path. Raises DoesNotExist."""
    position = next((message.position for message in history.versions(key) if message.pk == key), 0)
    found, _ = history.newest(1, position + 1)
    if not found or found[0].pk != key:
        raise Message.DoesNotExist
    return position


def all_messages(history: History) -> Iterator[Message]:
    position, more = 0, True
    while more:
        messages, more = history.above(position, PAGE)
        yield from messages
        position = messages[-1].position if messages else position


def article(message: Message, formulas: Formulas) -> str:
    if message.role == Message.Role.TOOL_CALL:
        return format_html(
            "<details class=call><summary>{}</summary><pre>{}</pre><pre>{}</pre></details>",
            message.tool_name,
            shortened(message.tool_arguments),
            shortened(message.tool_result),
        )
    if not message.content:
        return ""
    is_answer = message.role == Message.Role.ASSISTANT
    said = html_of(message.content, formulas) if is_answer else f"<p class=said>{escape(message.content)}</p>"
    said += "<p class=cut>cut short</p>" if message.partial else ""
    return f"<article class={message.role}><h2>{SPEAKERS[message.role]}</h2>{said}</article>"


def shown(message: Message) -> dict[str, Any]:
    if message.role != Message.Role.TOOL_CALL:
        return {"role": message.role, "content": message.content}
    return {
        "role": message.role,
        "tool_name": message.tool_name,
        "tool_arguments": shortened(message.tool_arguments),
        "tool_result": shortened(message.tool_result),
        "tool_success": message.tool_success,
    }


def shortened(text: str) -> str:
    return text if len(text) <= MAX_CALL_CHARS else text[:MAX_CALL_CHARS] + "…"


@read_only
def shared_page(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever has the address."""
    if not settings.ALLOW_SHARING:
        raise Http404
    try:
        share = Share.objects.at(token)
    except Share.DoesNotExist:
        raise Http404 from None
    values = {
        "title": share.title or "A conversation",
        "page": share.page,
        "style": STYLE,
        "shared_at": share.shared_at,
        "address": absolute(request, request.path),
        "token": share.token,
        "can_be_copied": share.can_be_copied,
        "picture": absolute(request, static("sessions/preview.png")),
    }
    response = render(request, "sessions/shared.html", values)
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Robots-Tag"] = "noindex"
    return response
