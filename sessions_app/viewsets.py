"""Conversations over REST. The app above extends these view sets by what it knows of a session, and routes them."""

from typing import ClassVar, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import Scope, User
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.not_found import Missing, NotFoundView
from chatjuicer.api.parameters import (
    LIMIT,
    OFFSET,
    flag,
    identifier,
    number,
    number_parameter,
    offset_and_limit,
    text,
    text_parameter,
)
from chatjuicer.api.snapshot import snapshot
from sessions_app import listing
from sessions_app.allowed import require_allowed
from sessions_app.history import History
from sessions_app.models import ChatSession, Project
from sessions_app.serializers import (
    DraftSerializer,
    MessageListSerializer,
    MessageSerializer,
    NewFeedbackSerializer,
    NewMessageSerializer,
    NewSessionSerializer,
    OwnProject,
    ReadSerializer,
    SessionChangesSerializer,
    SessionDetailSerializer,
    SessionListSerializer,
    SessionSerializer,
    SiblingListSerializer,
    SiblingSerializer,
)

SESSION = OpenApiParameter(
    "key", str, OpenApiParameter.PATH, description="The session's `session_id` or its UUID `id`."
)
PERMANENT = OpenApiParameter("permanent", bool, description="Without the trash: nothing of it can be restored.")
NUMBERED = OpenApiParameter(
    "numbered",
    bool,
    description="The caller's sockets know numbers: those of the session that know none keep the words that they have.",
)
MESSAGE = OpenApiParameter("mid", UUID, OpenApiParameter.PATH, description="The message's `id`.")


def caller(request: Request) -> User:
    return cast(User, request.user)  # IsAuthenticated has let nobody else in


def signed_in(request: Request) -> bool:
    """Whether the caller had to."""
    return not credentials_of(request).without_proof


class SessionView(NotFoundView):
    """What a path names by `key` is one of the caller's own sessions, or does not exist."""

    not_found: ClassVar[Missing] = (ChatSession.DoesNotExist,)
    read_scope: ClassVar[Scope] = Scope.READ
    scope: ClassVar[Scope] = Scope.CHAT

    def session(self, key: str) -> ChatSession:
        return caller(self.request).chat_sessions.named(key)

    def deleted_session(self, key: str) -> ChatSession:
        return ChatSession.trash.named(caller(self.request), key)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Project.DoesNotExist):  # went away while the request was being answered
            exc = ValidationError({"project_id": OwnProject.default_error_messages["does_not_exist"]})
        return super().handle_exception(exc)


class SessionViewSet(SessionView, ViewSet):
    lookup_url_kwarg = "key"
    history_class: ClassVar[type[History]] = History
    new_class: ClassVar[type[NewSessionSerializer]] = NewSessionSerializer
    changes_class: ClassVar[type[SessionChangesSerializer]] = SessionChangesSerializer
    shown_class: ClassVar[type[SessionSerializer]] = SessionSerializer
    dialect: ClassVar[str] = ""
    """Of the plain sockets of a session that was last made or loaded here by its `session_id`."""

    @extend_schema(
        operation_id="list_sessions",
        parameters=[
            OFFSET,
            LIMIT,
            text_parameter("search", "Part of the title, in any case.", 255),
            text_parameter("agent", "Only those of this agent.", 64),
            OpenApiParameter("project_id", UUID, description="Only those of this project."),
            OpenApiParameter("archived", bool, description="Only those, or only the others."),
            OpenApiParameter("deleted", bool, description="true: those in the trash, and no others."),
            OpenApiParameter(
                "cursor",
                {"type": "string", "pattern": f"^({listing.CURSOR})?$"},
                description="`next_cursor` of the page before; `offset` is then not looked at.",
            ),
        ],
        responses=SessionListSerializer,
    )
    def list(self, request: Request) -> Response:
        """Pinned sessions first, then by last use, latest first.

        A walk by `cursor` keeps the order in which the list stood when it began, whatever is said meanwhile:
        each session of that time comes once.
        """
        query = request.query_params
        wanted = listing.Wanted(
            owner_id=caller(request).pk,
            offset=number(query, "offset", 0),
            limit=number(query, "limit", 50, 1, 100),
            search=text(query, "search", 255),
            agent=text(query, "agent", 64),
            archived=flag(query, "archived"),
            project_id=identifier(query, "project_id"),
            deleted=flag(query, "deleted") or False,
            cursor=text(query, "cursor", 255),
        )
        return Response(listing.page(wanted))

    @extend_schema(
        operation_id="create_session",
        parameters=[IDEMPOTENCY_KEY],
        request=NewSessionSerializer,
        responses={
            201: SessionSerializer,
            200: OpenApiResponse(SessionSerializer, description="The stored session of this `session_id`."),
        },
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """A new session; of a `session_id` that the caller has already, the stored one."""
        form = self.new_class(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        require_allowed(caller(request).pk, form.validated_data.get("model"))
        session, created = ChatSession.objects.open(caller(request), dialect=self.dialect, **form.validated_data)
        session.speak(self.dialect, signed_in(request))
        return Response(self.shown_class(session).data, status=201 if created else 200)

    @extend_schema(operation_id="get_session", parameters=[SESSION, NUMBERED], responses=SessionDetailSerializer)
    def retrieve(self, request: Request, key: str) -> Response:
        """The session with its newest 50 messages, as of `last_seq`: events above it are in none of them."""
        numbered = flag(request.query_params, "numbered")
        with snapshot():
            session = self.session(key)
            detail = self.history_class(session).detail()
        if key == session.public_id and not numbered:
            session.speak(self.dialect, signed_in(request))
        return Response(detail)

    @extend_schema(
        operation_id="change_session",
        parameters=[SESSION],
        request=SessionChangesSerializer,
        responses=SessionSerializer,
    )
    def partial_update(self, request: Request, key: str) -> Response:
        """Changes what is given and leaves the rest. No generated title replaces one that was set here."""
        session = self.session(key)
        form = self.changes_class(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        if form.validated_data:
            session.configure(**form.validated_data)
        return Response(self.shown_class(session).data)

    @extend_schema(operation_id="delete_session", parameters=[SESSION, PERMANENT], responses={200: DoneSerializer})
    def destroy(self, request: Request, key: str) -> Response:
        """Stops a run in progress, and puts the session into the trash with all that hangs on it. `permanent`: all of
        it goes at once, also out of the trash; of two with this `session_id`, the one that is not there."""
        if not flag(request.query_params, "permanent"):
            self.session(key).discard()
            return Response(DONE)
        try:
            self.session(key).remove()
        except ChatSession.DoesNotExist:
            self.deleted_session(key).remove()
        return Response(DONE)

    @extend_schema(operation_id="restore_session", parameters=[SESSION], request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, key: str) -> Response:
        """Out of the trash, the one deleted last where several had this `session_id`; it gets another one if its own
        is taken. Of a session that is there already nothing changes."""
        try:
            session = self.deleted_session(key)
            session.restore()
        except ChatSession.DoesNotExist:
            session = self.session(key)
        return Response(SessionSerializer(session).data)

    @extend_schema(operation_id="clear_session", parameters=[SESSION], request=None, responses=DoneSerializer)
    @action(detail=True, methods=["post"])
    def clear(self, request: Request, key: str) -> Response:
        """Empties the history, what the model is given, and the counters. Settings and files stay."""
        self.session(key).clear()
        return Response(DONE)

    @extend_schema(
        operation_id="keep_draft", parameters=[SESSION], request=DraftSerializer, responses=SessionSerializer
    )
    @action(detail=True, methods=["put"])
    def draft(self, request: Request, key: str) -> Response:
        """What was begun to be written here, for the account's other devices."""
        session = self.session(key)
        form = valid(DraftSerializer, request)
        session.keep_draft(form.validated_data["content"])
        return Response(SessionSerializer(session).data)

    @extend_schema(operation_id="mark_read", parameters=[SESSION], request=ReadSerializer, responses=SessionSerializer)
    @action(detail=True, methods=["put"])
    def read(self, request: Request, key: str) -> Response:
        """How far it was read, for the account's other devices."""
        session = self.session(key)
        form = valid(ReadSerializer, request)
        session.mark_read(form.validated_data["position"])
        return Response(SessionSerializer(session).data)


class MessageViewSet(SessionView, ViewSet):
    """Of the session that the path names."""

    lookup_url_kwarg = "mid"
    lookup_value_converter = "uuid"
    history_class: ClassVar[type[History]] = History

    @extend_schema(
        operation_id="list_messages",
        parameters=[
            SESSION,
            OFFSET,
            LIMIT,
            number_parameter("before", "A position: the messages nearest below it."),
            number_parameter("after", "A position: the messages nearest above it."),
            number_parameter("around", "A position: the messages nearest to it on both sides, and the one there."),
        ],
        responses=MessageListSerializer,
    )
    def list(self, request: Request, key: str) -> Response:
        """Those of the visible path, in order of position, from the oldest on."""
        query = request.query_params
        offset, limit = offset_and_limit(query)
        before = number(query, "before", 0) if "before" in query else None
        after = number(query, "after", 0) if "after" in query else None
        around = number(query, "around", 0) if "around" in query else None
        with snapshot():
            return Response(self.history_class(self.session(key)).page(limit, offset, before, after, around))

    @extend_schema(
        operation_id="add_message",
        parameters=[SESSION, IDEMPOTENCY_KEY],
        request=NewMessageSerializer,
        responses={201: MessageSerializer},
    )
    @idempotent
    def create(self, request: Request, key: str) -> Response:
        """For the history and for the model; no run answers it. One that is too large for the model is refused."""
        session = self.session(key)
        form = valid(NewMessageSerializer, request)
        self.require_fit(session, form.validated_data["content"])
        message = session.post(**form.validated_data)
        return Response(MessageSerializer(message).data, status=201)

    def require_fit(self, session: ChatSession, content: str) -> None:
        """What models take, the app that talks to them knows."""

    @extend_schema(operation_id="list_siblings", parameters=[SESSION, MESSAGE], responses=SiblingListSerializer)
    @action(detail=True)
    def siblings(self, request: Request, key: str, mid: UUID) -> Response:
        """All versions of the message's place, the oldest first, itself included."""
        with snapshot():
            versions = self.history_class(self.session(key)).versions(mid)
        if not versions:
            raise NotFound()
        return Response({"siblings": [SiblingSerializer(version).data for version in versions]})

    @extend_schema(
        operation_id="rate_message",
        parameters=[SESSION, MESSAGE],
        request=NewFeedbackSerializer,
        responses=MessageSerializer,
    )
    @action(detail=True, methods=["post"])
    def feedback(self, request: Request, key: str, mid: UUID) -> Response:
        """What a person thinks of the message. The last word counts; null takes it back."""
        session = self.session(key)
        form = valid(NewFeedbackSerializer, request)
        if session.packed:
            session.unpack()
        message = session.messages.filter(pk=mid).first()
        if message is None:
            raise NotFound()
        message.rate(form.validated_data["rating"], form.validated_data.get("text") or "")
        return Response(MessageSerializer(self.history_class(session).dressed([message])[0]).data)
