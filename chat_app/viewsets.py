"""Talking over REST: runs, their events and approvals, and what they add to a session."""

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import IdempotencyRecord
from chatjuicer.api import budget
from chatjuicer.api.awaited import AwaitedResponse
from chatjuicer.api.bodies import valid
from chatjuicer.api.exceptions import ApiError, Unavailable
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import record_of
from chatjuicer.api.parameters import MAX_NUMBER, OFFSET, number
from chatjuicer.api.snapshot import snapshot
from files_app.models import StorageUsage
from sessions_app import viewsets
from sessions_app.allowed import require_allowed
from sessions_app.models import ChatSession
from sessions_app.models.message import bytes_of
from sessions_app.serializers import MessageSerializer
from sessions_app.viewsets import MESSAGE, SESSION, SessionView, caller

from .compaction import ContextChanged, context_of, summarize_session, undo
from .database import in_database
from .delivery.account import opened
from .delivery.logs import SessionLog, cursor
from .delivery.sse import answer_stream, event_stream
from .history import History
from .models import Approval, Event, Started, branches
from .pins import pin, pinned_messages
from .protocol import ApprovalCommand
from .runs.commands import accept_run, decide, start_run, stop_run
from .runs.contract import Agent, ToolsRequest
from .runs.process import Process, process
from .serializers import (
    AcceptedRunSerializer,
    ApprovalListSerializer,
    ApprovalSerializer,
    ChatSerializer,
    ContextSerializer,
    DecisionSerializer,
    EditSerializer,
    EventListSerializer,
    InterruptedSerializer,
    InterruptSerializer,
    OfferSerializer,
    PinnedListSerializer,
    PinnedMessageSerializer,
    PinSerializer,
    SelectSerializer,
    SessionDetailSerializer,
    StreamedEventSerializer,
    SummarySerializer,
    VisiblePathSerializer,
    WishesSerializer,
)
from .window.fit import require_fit

MAX_EVENTS = 1000
MAX_APPROVALS = 100
EVENT_STREAM = (200, "text/event-stream")
AFTER = OpenApiParameter(
    "after",
    {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}, {"type": "string"}]},
    description="A seq: the events above it. A stream goes on with `resync` where it is no number; a page is refused.",
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="Stands in for `after` of a stream.",
)


@extend_schema_view(retrieve=extend_schema(responses=SessionDetailSerializer))
class SessionViewSet(viewsets.SessionViewSet):
    history_class: ClassVar[type[History]] = History

    @extend_schema(
        operation_id="interrupt_session",
        parameters=[SESSION],
        request=InterruptSerializer,
        responses=InterruptedSerializer,
    )
    @action(detail=True, methods=["post"])
    def interrupt(self, request: Request, key: str) -> HttpResponseBase:
        """Stops the active run, or the one named, wherever it is executed. Asking twice changes nothing more."""
        session = self.session(key)
        form = valid(InterruptSerializer, request)
        run_id: UUID | None = form.validated_data.get("run_id")
        require_process()
        # In the journal's transaction, as a socket's stop is: on SQLite it would else wait for the journal's lock.
        return AwaitedResponse(self, stopped(session.pk, run_id))

    @extend_schema(
        operation_id="list_events",
        parameters=[
            SESSION,
            AFTER,
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_EVENTS, "default": MAX_EVENTS}),
            LAST_EVENT_ID,
        ],
        responses={(200, "application/json"): EventListSerializer, EVENT_STREAM: StreamedEventSerializer},
    )
    @action(detail=True)
    def events(self, request: Request, key: str) -> HttpResponseBase:
        """The log. With `Accept: text/event-stream` it goes on live; `id:` is the seq."""
        session = self.session(key)
        streaming = "text/event-stream" in request.headers.get("Accept", "")
        after = seen_by(request, streaming) or 0
        if streaming:
            require_process()
            return event_stream(credentials_of(request), SessionLog(session.pk, session.public_id), after)
        limit = number(request.query_params, "limit", MAX_EVENTS, 1, MAX_EVENTS)
        with snapshot():
            session.refresh_from_db(fields=["last_seq", "forgotten_seq"])
            behind = after < session.last_seq
            records = Event.objects.page(session.pk, session.public_id, after, limit) if behind else []
        return Response(
            {
                "events": [record.shown() for record in records],
                "last_seq": session.last_seq,
                "has_more": bool(records) and records[-1].seq < session.last_seq,
                "resync": not session.forgotten_seq <= after <= session.last_seq,
            }
        )

    @extend_schema(
        operation_id="summarize_session",
        parameters=[SESSION, IDEMPOTENCY_KEY],
        request=None,
        responses=SummarySerializer,
    )
    @action(detail=True, methods=["post"])
    def summarize(self, request: Request, key: str) -> HttpResponseBase:
        """Puts a summary in the place of what the model was given so far. The history is not touched."""
        session = self.session(key)
        require_process()
        return AwaitedResponse(self, summarized(session, record_of(request)))

    @extend_schema(operation_id="get_context", parameters=[SESSION, OFFSET], responses=ContextSerializer)
    @action(detail=True)
    def context(self, request: Request, key: str) -> Response:
        """What the model is given of the conversation, oldest first, and where summaries took the place of what was
        said. Nothing that they stand for is lost: `messages` have it, and `context/undo` gives it back to the model.
        Where the items do not fit, `has_more`: ask with `offset` for those after them."""
        return Response(context_of(self.session(key), number(request.query_params, "offset", 0)))

    @extend_schema(operation_id="list_pinned", parameters=[SESSION], responses=PinnedListSerializer)
    @action(detail=True)
    def pinned(self, request: Request, key: str) -> Response:
        """The beginnings of the pinned messages on the visible path, in order; at most 100."""
        found = pinned_messages(self.session(key))
        return Response({"messages": [PinnedMessageSerializer(message).data for message in found]})

    @extend_schema(operation_id="list_tools", parameters=[SESSION], request=None, responses=OfferSerializer)
    @action(detail=True)
    def tools(self, request: Request, key: str) -> HttpResponseBase:
        """What the model could be given in the next run: the server's own tools that the session's agent has, those by
        which it hands over, and those of the MCP servers that were chosen, which are started for it. Those that the
        session switches off stand among them."""
        return AwaitedResponse(self, offer_of(self.session(key), require_process().loaded_agent))

    @extend_schema(operation_id="undo_compaction", parameters=[SESSION], request=None, responses=ContextSerializer)
    @action(detail=True, methods=["post"], url_path="context/undo")
    def undo(self, request: Request, key: str) -> Response:
        """Takes the latest summary back: the model is given again what it stands for."""
        undo(self.session(key))
        return Response(context_of(self.session(key)))

    @extend_schema(
        operation_id="continue_session",
        parameters=[SESSION, IDEMPOTENCY_KEY],
        request=WishesSerializer,
        responses={202: AcceptedRunSerializer},
    )
    @action(detail=True, methods=["post"], url_path="continue")
    def go_on(self, request: Request, key: str) -> HttpResponseBase:
        """Lets the last answer, which was cut short, go on in its own row. 409 `nothing_to_continue` if it was not."""
        session, form = self.session(key), valid(WishesSerializer, request)
        return accepted(self, session, partial(branches.go_on, session.pk, wishes_of(form, request)))


class MessageViewSet(viewsets.MessageViewSet):
    history_class: ClassVar[type[History]] = History

    def require_fit(self, session: ChatSession, content: str) -> None:
        require_fit([content], session.model)

    @extend_schema(
        operation_id="regenerate_message",
        parameters=[SESSION, MESSAGE, IDEMPOTENCY_KEY],
        request=WishesSerializer,
        responses={202: AcceptedRunSerializer},
    )
    @action(detail=True, methods=["post"])
    def regenerate(self, request: Request, key: str, mid: UUID) -> HttpResponseBase:
        """Another answer to the same words, beside the ones that there are: of an answer, or of the words that it
        answers. While the session is answering, it waits its turn. 409 `nothing_to_regenerate`."""
        session, form = self.session(key), valid(WishesSerializer, request)
        return accepted(self, session, partial(branches.regenerate, session.pk, mid, wishes_of(form, request)))

    @extend_schema(
        operation_id="edit_message",
        parameters=[SESSION, MESSAGE, IDEMPOTENCY_KEY],
        request=EditSerializer,
        responses={202: AcceptedRunSerializer},
    )
    @action(detail=True, methods=["post"])
    def edit(self, request: Request, key: str, mid: UUID) -> HttpResponseBase:
        """Other words in the place of a user's message, and an answer to them. Both stay. While the session is
        answering, they wait their turn, out of view."""
        session, form = self.session(key), valid(EditSerializer, request)
        said = form.validated_data["content"], form.validated_data.get("attachments")
        require_fit([said[0]], form.validated_data.get("model") or session.model)
        StorageUsage.objects.require_quota(session.owner_id, bytes_of(said[0]))
        return accepted(self, session, partial(branches.edit, session.pk, mid, *said, wishes_of(form, request)))

    @extend_schema(
        operation_id="pin_message", parameters=[SESSION, MESSAGE], request=PinSerializer, responses=MessageSerializer
    )
    @action(detail=True, methods=["post"])
    def pin(self, request: Request, key: str, mid: UUID) -> Response:
        """Whether the model is always given all of the message, whatever is summarized. Of a conversation all pinned
        messages together may take half of what the model can be given: 413 `too_much_pinned`. What tools have said
        cannot be pinned: 400 `not_spoken`."""
        session, form = self.session(key), valid(PinSerializer, request)
        message = pin(session, mid, form.validated_data["pinned"])
        return Response(MessageSerializer(self.history_class(session).dressed([message])[0]).data)

    @extend_schema(
        operation_id="select_message",
        parameters=[SESSION, MESSAGE],
        request=SelectSerializer,
        responses=VisiblePathSerializer,
    )
    @action(detail=True, methods=["post"])
    def select(self, request: Request, key: str, mid: UUID) -> HttpResponseBase:
        """Makes the path through this version, and on to the message below it that was seen last, the visible one. An
        answer that is being written there is stopped and kept; waiting messages come along."""
        session = self.session(key)
        form = valid(SelectSerializer, request)
        require_process()
        patient = form.validated_data.get("on_busy") == "reject"
        return AwaitedResponse(self, path_after(session.pk, partial(branches.select, session.pk, mid, patient)))

    @extend_schema(operation_id="delete_message", parameters=[SESSION, MESSAGE], responses={200: VisiblePathSerializer})
    def destroy(self, request: Request, key: str, mid: UUID) -> HttpResponseBase:
        """Takes the message and all that follows it in its branch away, from the model, too. Where it has other
        versions, the newest of them comes into view. An answer that is being written there is stopped."""
        session = self.session(key)
        require_process()
        return AwaitedResponse(self, path_after(session.pk, partial(branches.delete, session.pk, mid)))


class RunViewSet(SessionView, ViewSet):
    @extend_schema(
        operation_id="chat",
        parameters=[IDEMPOTENCY_KEY],
        request=ChatSerializer,
        responses={EVENT_STREAM: OpenApiResponse(OpenApiTypes.STR, description="The run's frames.")},
    )
    def create(self, request: Request) -> HttpResponseBase:
        """Sends the user's messages and streams the answer; leaving does not stop it."""
        form = valid(ChatSerializer, request)
        session = self.session(form.validated_data["session_id"])
        require_process()
        command = form.command(request.headers.get("Idempotency-Key"))
        # In the journal's transaction, as over a socket: on SQLite it would else wait for the journal's lock.
        start = partial(start_run, session.pk, session.owner_id, command)
        return answer_stream(self, credentials_of(request), SessionLog(session.pk, session.public_id), start)


class ApprovalViewSet(SessionView, ViewSet):
    @extend_schema(operation_id="list_approvals", responses=ApprovalListSerializer)
    def list(self, request: Request) -> Response:
        """The tool calls that wait for a word, over all one's sessions, oldest first; at most 100, or fewer where what
        they would be called with is large."""
        waiting = Approval.objects.filter(session__owner=caller(request), status=Approval.Status.PENDING)
        waiting = waiting.select_related("session").order_by("created_at", "pk")
        with snapshot():
            found, more = budget.read(waiting, MAX_APPROVALS, "arguments")
        return Response({"approvals": [approval.representation() for approval in found], "has_more": more})

    @extend_schema(
        operation_id="decide_approval",
        parameters=[SESSION, OpenApiParameter("approval_id", UUID, OpenApiParameter.PATH)],
        request=DecisionSerializer,
        responses=ApprovalSerializer,
    )
    def decide(self, request: Request, key: str, approval_id: UUID) -> HttpResponseBase:
        """Lets the call run, or not. The first decision counts; a later one is answered with it."""
        session = self.session(key)
        form = valid(DecisionSerializer, request)
        require_process()
        return AwaitedResponse(self, decided(session.pk, ApprovalCommand(approval_id, **form.validated_data)))


class AccountLogViewSet(SessionView, ViewSet):
    @extend_schema(
        operation_id="follow_account",
        parameters=[AFTER, LAST_EVENT_ID],
        responses={EVENT_STREAM: StreamedEventSerializer},
    )
    def list(self, request: Request) -> HttpResponseBase:
        """What happens to one's sessions, live; `id:` is the seq. Without `after` it begins with what comes next."""
        require_process()
        stream = opened(caller(request), seen_by(request))
        return event_stream(credentials_of(request), stream.log, stream.after, opening=stream.opening)


def seen_by(request: Request, streaming: bool = True) -> int | None:
    """The last seq that a reader says to have; None: it says nothing. Of a stream as of a socket, which goes on with a
    `resync` where it is no number; else raises ValidationError."""
    query = request.query_params
    if streaming and (given := request.headers.get("Last-Event-ID") or query.get("after")) is not None:
        return cursor(given)
    return number(query, "after", 0) if "after" in query else None


def wishes_of(form: WishesSerializer, request: Request) -> branches.Wishes:
    """Raises ModelNotAllowed."""
    require_allowed(caller(request).pk, form.validated_data.get("model"))
    return form.wishes(request.headers.get("Idempotency-Key"))


def accepted(view: APIView, session: ChatSession, verb: Callable[[str], Started]) -> HttpResponseBase:
    """202 once the run is committed."""
    require_process()

    async def body() -> dict[str, Any]:
        started = await accept_run(session.pk, session.owner_id, verb)
        return {"run_id": str(started.run.pk), "message_ids": [str(key) for key in started.message_ids]}

    response = AwaitedResponse(view, body())
    response.status_code = 202
    return response


async def offer_of(session: ChatSession, agent: Callable[[], Awaitable[Agent]]) -> dict[str, Any]:
    request = ToolsRequest(session.pk, session.owner_id, session.agent_name, session.mcp_config)
    offer = await (await agent()).offer(request)
    tools = [
        {
            "name": tool.name,
            "description": tool.description,
            "server": tool.server or None,
            "disabled": tool.name in session.disabled_tools,
        }
        for tool in offer.tools
    ]
    return {"tools": tools, "servers": [{"key": key, "status": state} for key, state in offer.servers.items()]}


async def path_after(session_pk: UUID, verb: Callable[[], ChatSession]) -> dict[str, Any]:
    """The audit log is told of who acts in the caller's context."""
    session = await process.journal.transact(partial(copy_context().run, verb), session_pk)
    leaf_id = str(session.leaf_id) if session.leaf_id else None
    return {"success": True, "message_id": leaf_id, "message_count": session.message_count}


async def summarized(session: ChatSession, record: IdempotencyRecord | None) -> dict[str, Any]:
    if record is None:
        return await summarize_session(session, process.loaded_agent, lambda _: None)
    if not record.status:
        try:
            await summarize_session(session, process.loaded_agent, partial(keep_summary, record))
        except ApiError:
            await in_database(record.give_up)
            if not record.status:
                raise
    kept: dict[str, Any] = orjson.loads(record.result)
    return kept


def keep_summary(record: IdempotencyRecord, body: dict[str, Any]) -> None:
    """Raises ContextChanged, so that nothing is put in place, where another one with this key was first."""
    said = orjson.dumps(body).decode()
    record.keep_first(200, said)
    if record.result != said:
        raise ContextChanged()


async def stopped(session_pk: UUID, run_id: UUID | None) -> dict[str, Any]:
    run = await stop_run(session_pk, run_id)
    return {"stopped": run is not None, "run_id": str(run.pk) if run else None}


async def decided(session_pk: UUID, command: ApprovalCommand) -> dict[str, Any]:
    approval = await decide(session_pk, command)
    return approval.representation()


def require_process() -> Process:
    """The running process; a request that came in before it was up, or after, may try again."""
    if process.loop is None:
        raise Unavailable()
    return process
