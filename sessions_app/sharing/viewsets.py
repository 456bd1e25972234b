from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.api.addresses import absolute
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.exceptions import ApiError
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.parameters import LIMIT, OFFSET, offset_and_limit
from chatjuicer.api.snapshot import snapshot
from chatjuicer.api.times import rfc3339
from sessions_app.history import History
from sessions_app.models import Message, Share
from sessions_app.serializers import SessionSerializer
from sessions_app.viewsets import SESSION, SessionView, caller

from .copying import copy_of
from .page import page_of


class SharingOff(ApiError):
    status_code = 403
    code = "sharing_off"
    message = "Conversations are not shared from this server."


class NewShareSerializer(serializers.Serializer[None]):
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="null or missing: until it is taken back."
    )

    upto = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The message with which the page ends. null or missing: the last one.",
    )

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        if moment and moment <= timezone.now():
            raise ValidationError("A time in the future is expected.")
        return moment


class ShareSerializer(serializers.Serializer[None]):
    url = serializers.CharField(help_text="Whoever has it sees the page.")
    expires_at = serializers.DateTimeField(allow_null=True)
    shared_at = serializers.DateTimeField(help_text="The page shows what was visible then.")


class OwnShareSerializer(ShareSerializer):
    session_id = serializers.CharField()
    session_title = serializers.CharField(help_text="The session's; the page has the one of then.")


@extend_schema_serializer(many=False)
class ShareListSerializer(serializers.Serializer[None]):
    shares = OwnShareSerializer(many=True)
    has_more = serializers.BooleanField()


class SharingViewSet(SessionView, ViewSet):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not settings.ALLOW_SHARING:
            raise SharingOff()


class ShareViewSet(SharingViewSet):
    """The page of one session, for people who are not signed in."""

    not_found = (*SharingViewSet.not_found, Share.DoesNotExist)
    history_class: ClassVar[type[History]] = History

    @extend_schema(operation_id="get_share", parameters=[SESSION], responses=ShareSerializer)
    def retrieve(self, request: Request, key: str) -> Response:
        """404 where it is not shared."""
        return Response(representation(request, Share.objects.of(self.session(key))))

    @extend_schema(
        operation_id="share_session",
        parameters=[SESSION, IDEMPOTENCY_KEY],
        request=NewShareSerializer,
        responses={200: ShareSerializer},
    )
    @idempotent
    def create(self, request: Request, key: str) -> Response:
        """Shows what is visible now, or that up to a message; done again, under the same address."""
        form = valid(NewShareSerializer, request)
        with snapshot():
            session = self.session(key)
            try:
                page, said = page_of(self.history_class(session), form.validated_data.get("upto"))
            except Message.DoesNotExist:
                raise ValidationError({"upto": "No finished message of this session that is visible."}) from None
        share = Share.objects.put(session, page, said, form.validated_data.get("expires_at"))
        return Response(representation(request, share))

    @extend_schema(operation_id="take_back_share", parameters=[SESSION], responses={200: DoneSerializer})
    def destroy(self, request: Request, key: str) -> Response:
        """The address leads nowhere from now on; sharing again gives another."""
        Share.objects.of(self.session(key)).take_back()
        return Response(DONE)


class SharedViewSet(SharingViewSet):
    """Pages: one's own, and what somebody else has shared, for who has its address and an account."""

    @extend_schema(operation_id="list_shares", parameters=[OFFSET, LIMIT], responses=ShareListSerializer)
    def list(self, request: Request) -> Response:
        """What one shows to whoever has the addresses, the latest first."""
        offset, limit = offset_and_limit(request.query_params)
        found = [*Share.objects.by(caller(request))[offset : offset + limit + 1]]
        shown = [
            representation(request, share)
            | {"session_id": share.session.public_id, "session_title": share.session.title}
            for share in found[:limit]
        ]
        return Response({"shares": shown, "has_more": len(found) > limit})

    @extend_schema(
        operation_id="copy_share",
        parameters=[OpenApiParameter("token", str, OpenApiParameter.PATH), IDEMPOTENCY_KEY],
        request=None,
        responses={201: SessionSerializer},
    )
    @idempotent
    def copy(self, request: Request, token: str) -> Response:
        """A session of one's own with what the page shows, to go on with; the page and its session do not change."""
        try:
            share = Share.objects.at(token)
        except Share.DoesNotExist:
            raise NotFound() from None
        session = copy_of(share.title, share.drafts, caller(request))
        return Response(SessionSerializer(session).data, status=201)


def representation(request: Request, share: Share) -> dict[str, Any]:
    return {
        "url": absolute(request, f"/share/{share.token}"),
        "expires_at": rfc3339(share.expires_at) if share.expires_at else None,
        "shared_at": rfc3339(share.shared_at),
    }
