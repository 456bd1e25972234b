"""Sessions and their messages under /api/v1, as the native view sets have them, in the client's shapes.

The paths are MAI's, too: the list answers both clients at once, what is sent tells who makes a session, and what a path
names by its `session_id` is asked for by this client, by its UUID by MAI.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.history import History
from chat_app.viewsets import MessageViewSet, SessionViewSet
from chatjuicer.api.done import DONE
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.parameters import LIMIT, OFFSET, text_parameter
from chatjuicer.frontends.mai import (
    MaiChangesSerializer,
    MaiMessageSerializer,
    MaiMessageViewSet,
    MaiSessionDetailSerializer,
    MaiSessionViewSet,
    NewMaiSessionSerializer,
    V1SessionSerializer,
    as_of_v1,
)
from sessions_app.history import TEXTS, size_of
from sessions_app.models import Message
from sessions_app.serializers import NewSessionSerializer, SessionChangesSerializer, SessionSerializer
from sessions_app.viewsets import SESSION, SessionView

from .dialect import V1
from .shapes import (
    JuicerChangesSerializer,
    JuicerDetailSerializer,
    JuicerMessageListSerializer,
    JuicerSessionListSerializer,
    NewJuicerSessionSerializer,
    SessionDeletedSerializer,
    entry_body,
    message_body,
    page,
)

TAG = "Today's client"


def either(name: str, *serializers: Any) -> PolymorphicProxySerializer:
    """For the document: this client's, or MAI's."""
    return PolymorphicProxySerializer(name, serializers=list(serializers), resource_type_field_name=None, many=False)


class JuicerHistory(History):
    # As many as the client puts on its screen in one step. While it loads older ones, an answer that it is told of
    # already is shown twice; and more than one page of those comes in the wrong order.
    detail_messages = 150
    share_by_offset = 0.9

    def from_offset(self, offset: int, limit: int) -> tuple[list[Message], bool]:
        """As many as `limit`: the client goes on by its own, however many it was given, and a page that ends early
        would leave a gap. Of those that the page has no bytes for, large ones stand there without what they say."""
        found, more = super().from_offset(offset, limit)
        while more and len(found) < limit:
            others, more = super().from_offset(offset + len(found), limit - len(found))
            found += map(as_fits, others)
        return found, more


def as_fits(message: Message) -> Message:
    if (size_bytes := size_of(message)) > settings.MAX_PAGE_BYTES * SMALL:
        for text in TEXTS:
            setattr(message, text, "")
        said = "tool_result" if message.role == Message.Role.TOOL_CALL else "content"
        setattr(message, said, TOO_LARGE.format(kilobytes=size_bytes // 1000))
    return message


SMALL = 0.001  # of a page's bytes: a hundred such messages, the most that a page has, take what the others leave
TOO_LARGE = "(Too large for this list: {kilobytes} kB. Open the chat in a browser to read it.)"


@extend_schema(tags=[TAG])
@extend_schema_view(summarize=extend_schema(operation_id="today_summarize_session"))
class JuicerSessionViewSet(SessionViewSet):
    new_class: ClassVar[type[NewSessionSerializer]] = NewJuicerSessionSerializer
    changes_class: ClassVar[type[SessionChangesSerializer]] = JuicerChangesSerializer
    shown_class: ClassVar[type[SessionSerializer]] = V1SessionSerializer
    history_class: ClassVar[type[History]] = JuicerHistory
    dialect: ClassVar[str] = V1

    def retrieve(self, request: Request, key: str) -> Response:
        response = super().retrieve(request, key)
        messages = [message_body(message) for message in response.data["messages"]]
        files = [entry_body(entry) for entry in response.data["files"]]
        session = as_of_v1(response.data["session"])
        response.data |= {"session": session, "messages": messages, "full_history": messages, "files": files}
        return response

    def destroy(self, request: Request, key: str) -> Response:
        super().destroy(request, key)
        return Response(DONE | {"message": "The session is deleted.", "session_id": key})


@extend_schema(tags=[TAG])
class SharedSessionViewSet(JuicerSessionViewSet, MaiSessionViewSet):
    """Of this client and of MAI."""

    @extend_schema(
        operation_id="today_list_sessions",
        parameters=[LIMIT, OFFSET, text_parameter("search", "Part of the title, in any case.", 255)],
        responses=JuicerSessionListSerializer,
    )
    def list(self, request: Request) -> Response:
        """The session changed last comes first."""
        response = MaiSessionViewSet.list(self, request)
        found: dict[str, Any] = response.data
        has_more = found["offset"] + len(found["sessions"]) < found["total"]
        pagination = page(found["total"], found["offset"], found["limit"], has_more)
        found |= {"total_count": found["total"], "has_more": has_more, "pagination": pagination}
        return response

    @extend_schema(
        operation_id="today_create_session",
        parameters=[IDEMPOTENCY_KEY],
        request=either("NewSessionOfV1", NewJuicerSessionSerializer, NewMaiSessionSerializer),
        responses={201: either("MadeSessionOfV1", V1SessionSerializer, MaiSessionDetailSerializer)},
    )
    def create(self, request: Request) -> Response:
        """With any of `mcp_config`, `model`, `reasoning_effort`, `project_id` it is today's client's, else MAI's."""
        if isinstance(request.data, dict) and OF_TODAY & request.data.keys():
            return JuicerSessionViewSet.create(self, request)
        return MaiSessionViewSet.create(self, request)

    @extend_schema(
        operation_id="today_get_session",
        parameters=[SESSION],
        responses=either("SessionOfV1", JuicerDetailSerializer, MaiSessionDetailSerializer),
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """The session with its newest messages, in the shape of the client whose name for it the path has."""
        return self._asked(key).retrieve(self, request, key)

    @extend_schema(
        operation_id="today_change_session",
        parameters=[SESSION],
        request=either("SessionChangesOfV1", JuicerChangesSerializer, MaiChangesSerializer),
        responses=either("ChangedSessionOfV1", V1SessionSerializer, MaiSessionDetailSerializer),
    )
    def partial_update(self, request: Request, key: str) -> Response:
        """Changes what is given and leaves the rest. No generated title replaces one that was set here."""
        return self._asked(key).partial_update(self, request, key)

    @extend_schema(
        operation_id="today_delete_session",
        parameters=[SESSION],
        responses={200: SessionDeletedSerializer, 204: None},
    )
    def destroy(self, request: Request, key: str) -> Response:
        """Stops a run in progress, and puts the session into the trash with all that hangs on it. `permanent`: all of
        it goes at once, also out of the trash; of two with this `session_id`, the one that is not there."""
        return self._asked(key).destroy(self, request, key)

    def _asked(self, key: str) -> type[MaiSessionViewSet] | type[JuicerSessionViewSet]:
        """Whose client calls the session by that name. Raises DoesNotExist."""
        return MaiSessionViewSet if named_by_uuid(self, key) else JuicerSessionViewSet


OF_TODAY = {"mcp_config", "model", "reasoning_effort", "project_id"}


@extend_schema_view(
    list=extend_schema(
        operation_id="today_list_messages",
        parameters=[SESSION, OFFSET, LIMIT],
        responses=either("MessagesOfV1", JuicerMessageListSerializer, MaiMessageSerializer(many=True)),
    ),
)
@extend_schema(tags=[TAG])
class JuicerMessageViewSet(MessageViewSet, MaiMessageViewSet):
    history_class: ClassVar[type[History]] = JuicerHistory
    create = MaiMessageViewSet.create  # this client adds none

    def list(self, request: Request, key: str) -> Response:
        if named_by_uuid(self, key):
            return MaiMessageViewSet.list(self, request, key)
        response = super().list(request, key)
        native = response.data["pagination"]
        return Response(
            {
                "messages": [message_body(message) for message in response.data["messages"]],
                "pagination": page(native["total_count"], native["offset"], native["limit"], native["has_more"]),
            }
        )


def named_by_uuid(view: SessionView, key: str) -> bool:
    """Whether the session is called so by its `id`: a `session_id` may look like a UUID, too. Raises DoesNotExist."""
    return len(key) == UUID_CHARS and view.session(key).public_id != key


UUID_CHARS = len(str(UUID(int=0)))
