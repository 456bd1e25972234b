"""A conversation in the admin as a person reads it, with what each run took. It asks why first, as all reading
there."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from chat_app.models import CallUsage, Run
from chatjuicer.api.snapshot import snapshot
from sessions_app.admin import ChatSessionAdmin
from sessions_app.history import History
from sessions_app.models import ChatSession, Message
from sessions_app.preview import preview_of
from sessions_app.sharing.markdown import html_of

PAGE = 20
"""Messages; long ones are folded."""

FOLDED_CHARS = 1_500
MAX_SHOWN_CHARS = 100_000
MAX_POSITION = 2**31 - 1
SPEAKERS = {"user": "Person", "assistant": "Answer", "system": "Note"}


class Used(NamedTuple):
    """By calls of models."""

    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost: Decimal | None
    """US dollars; None where no price is known."""

    def __str__(self) -> str:
        cached = f" ({self.cached_tokens:,} cached)" if self.cached_tokens else ""
        cost = "" if self.cost is None else f" · ${self.cost:.4f}"
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        return f"{calls} · {self.input_tokens:,} tokens in{cached}, {self.output_tokens:,} out{cost}"


class TranscriptAdmin(ChatSessionAdmin):
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.transcript)
        own = path("<path:object_id>/transcript/", view, name="sessions_app_chatsession_transcript")
        return [own, *super().get_urls()]

    @admin.display(description="conversation")
    def history(self, session: ChatSession) -> str:
        address = reverse("admin:sessions_app_chatsession_transcript", args=[session.pk])
        return format_html('<a href="{}">Read it</a> · {}', address, super().history(session))

    def transcript(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, session):
            raise PermissionDenied
        if session is None:
            raise Http404
        if asking := self._ask(request, str(session.pk)):
            return asking
        with snapshot():
            page = page_of(request, session)
        context = {
            **self.admin_site.each_context(request),
            "title": session.title or "Conversation",
            "opts": self.opts,
            "session": session,
            **page,
        }
        return TemplateResponse(request, "admin/chat_app/transcript.html", context)


def page_of(request: HttpRequest, session: ChatSession) -> dict[str, Any]:
    """The messages that were asked for, where others are, and what all of them used."""
    history = History(session)
    if after := position_of(request, "after", 0):
        messages, newer = history.above(after, PAGE)
        older = bool(messages)
    else:
        before = position_of(request, "before", MAX_POSITION)
        messages, older = history.newest(PAGE, before)
        newer = before < MAX_POSITION
    return {
        "used": used_by_session(session),
        "parts": parts(messages, runs_of(session, messages)),
        "older": messages[0].position if older and messages else None,
        "newer": messages[-1].position if newer and messages else None,
        "unfinished": len(history.unfinished),
    }


def position_of(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return min(int(text), MAX_POSITION) if text.isdecimal() and len(text) < 11 else default


def parts(messages: Iterable[Message], runs: dict[UUID, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the template shows of each message, and of its run below the last one of it."""
    shown = [part(message) for message in messages]
    last = {one["message"].run_id: one for one in shown}
    for run_id, one in last.items():
        one["run"] = runs.get(run_id) if run_id else None
    return shown


def part(message: Message) -> dict[str, Any]:
    text = message.content[:MAX_SHOWN_CHARS]
    is_answer = message.role == Message.Role.ASSISTANT
    return {
        "message": message,
        "speaker": SPEAKERS.get(message.role, "Tool"),
        "is_call": message.role == Message.Role.TOOL_CALL,
        "html": html_of(text) if is_answer else "",
        "text": text,
        "folded": len(message.content) > FOLDED_CHARS,
        "beginning": preview_of(text),
        "arguments": message.tool_arguments[:MAX_SHOWN_CHARS],
        "result": message.tool_result[:MAX_SHOWN_CHARS],
        "seconds": message.response_time_ms / 1000 if message.response_time_ms else None,
    }


def runs_of(session: ChatSession, messages: Iterable[Message]) -> dict[UUID, dict[str, Any]]:
    """By their ids: the row, how long it took, and what it used."""
    keys = {message.run_id for message in messages if message.run_id}
    runs = list(Run.objects.filter(session=session, pk__in=keys))
    used = used_by_runs(session, runs)
    return {run.pk: {"run": run, "seconds": seconds(run), "used": used.get(run.pk)} for run in runs}


def seconds(run: Run) -> float | None:
    """From its beginning to its end, with what it waited for a person."""
    return (run.ended_at - run.started_at).total_seconds() if run.started_at and run.ended_at else None


SUMS = {name: Sum(name) for name in ("input_tokens", "cached_tokens", "output_tokens", "cost")}


def used_by_runs(session: ChatSession, runs: list[Run]) -> dict[UUID, Used]:
    if not runs:
        return {}
    rows = CallUsage.objects.of_runs(session.owner_id, runs)
    found = rows.values_list("run_id").annotate(calls=Count("pk"), **SUMS).order_by()
    return {run_id: Used(*used) for run_id, *used in found if run_id}


def used_by_session(session: ChatSession) -> Used | None:
    """By all that was ever asked in it, other answers and titles included; None where nothing was."""
    rows = CallUsage.objects.filter(user=session.owner_id, created_at__gte=session.created_at, session_pk=session.pk)
    found = rows.aggregate(calls=Count("pk"), **SUMS)
    return Used(**found) if found["calls"] else None
