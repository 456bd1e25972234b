"""Who is told without a connection, over REST. An API key needs `admin`: what is set here outlives it."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chat_app.models import Notice, PushSubscription, Webhook
from chat_app.models.push_subscription import Device
from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import once
from chatjuicer.api.parameters import LIMIT, OFFSET, offset_and_limit

from .serializers import (
    DeliveryListSerializer,
    DeliverySerializer,
    IssuedWebhookSerializer,
    NewSubscriptionSerializer,
    NewWebhookSerializer,
    PushKeySerializer,
    SubscriptionListSerializer,
    SubscriptionSerializer,
    WebhookChangesSerializer,
    WebhookListSerializer,
    WebhookSerializer,
)
from .vapid import public_key

WEBHOOK = OpenApiParameter("webhook_id", UUID, OpenApiParameter.PATH)


class WebhookViewSet(ViewSet):
    def webhook(self, webhook_id: UUID) -> Webhook:
        return get_object_or_404(credentials_of(self.request).user.webhooks, pk=webhook_id)

    @extend_schema(operation_id="list_webhooks", responses=WebhookListSerializer)
    def list(self, request: Request) -> Response:
        """The caller's, oldest first, without their secrets."""
        webhooks = credentials_of(request).user.webhooks.order_by("created_at", "pk")
        return Response({"webhooks": WebhookSerializer(webhooks, many=True).data})

    @extend_schema(
        operation_id="create_webhook",
        parameters=[IDEMPOTENCY_KEY],
        request=NewWebhookSerializer,
        responses={201: IssuedWebhookSerializer},
    )
    def create(self, request: Request) -> Response:
        """An address that is told of events by POST (docs/notices.md). At most 20."""
        user = credentials_of(request).user

        def add() -> tuple[int, str]:
            form = valid(NewWebhookSerializer, request)
            return 201, str(Webhook.objects.add(user, **form.validated_data).pk)

        # The secret is stored in no record; a repeated request reads it from its own place.
        status, key = once(request, add)
        return Response(IssuedWebhookSerializer(self.webhook(UUID(key))).data, status=status)

    @extend_schema(operation_id="get_webhook", parameters=[WEBHOOK], responses=WebhookSerializer)
    def retrieve(self, request: Request, webhook_id: UUID) -> Response:
        return Response(WebhookSerializer(self.webhook(webhook_id)).data)

    @extend_schema(
        operation_id="change_webhook",
        parameters=[WEBHOOK],
        request=WebhookChangesSerializer,
        responses=WebhookSerializer,
    )
    def partial_update(self, request: Request, webhook_id: UUID) -> Response:
        """Sets what is sent, and leaves the rest; `active: true` begins again after it was turned off."""
        webhook = self.webhook(webhook_id)
        if changes := valid(WebhookChangesSerializer, request).validated_data:
            webhook.configure(**changes)
        return Response(WebhookSerializer(webhook).data)

    @extend_schema(operation_id="delete_webhook", parameters=[WEBHOOK], responses={200: DoneSerializer})
    def destroy(self, request: Request, webhook_id: UUID) -> Response:
        """Nothing more is sent there; what was is forgotten."""
        self.webhook(webhook_id).delete()
        return Response(DONE)

    @extend_schema(
        operation_id="list_deliveries", parameters=[WEBHOOK, OFFSET, LIMIT], responses=DeliveryListSerializer
    )
    def deliveries(self, request: Request, webhook_id: UUID) -> Response:
        """What was, and is to be, sent there, newest first; for seven days after it has arrived or was given up."""
        offset, limit = offset_and_limit(request.query_params)
        notices = Notice.objects.filter(webhook=self.webhook(webhook_id)).order_by("-created_at", "-pk")
        found = list(notices[offset : offset + limit + 1])
        shown = DeliverySerializer(found[:limit], many=True).data
        return Response({"deliveries": shown, "has_more": len(found) > limit})


class PushViewSet(ViewSet):
    @property
    def device(self) -> Device:
        credentials = credentials_of(self.request)
        return Device(credentials.user, credentials.family_id)

    @extend_schema(operation_id="get_push_key", responses=PushKeySerializer)
    def key(self, request: Request) -> Response:
        """By which a browser subscribes to this server's messages."""
        return Response({"public_key": public_key()})

    @extend_schema(operation_id="list_push_subscriptions", responses=SubscriptionListSerializer)
    def list(self, request: Request) -> Response:
        """The account's browsers that are told, on all its devices."""
        alive = PushSubscription.objects.alive().filter(user=self.device.user).order_by("created_at", "pk")
        shown = SubscriptionSerializer(alive, many=True, context={"family_id": self.device.family_id})
        return Response({"subscriptions": shown.data})

    @extend_schema(
        operation_id="subscribe_to_push",
        request=NewSubscriptionSerializer,
        responses={201: SubscriptionSerializer},
    )
    def create(self, request: Request) -> Response:
        """This device's browser is told from now on, until its sign-in ends, in the place of what it was told before.
        Doing so again with the same body changes nothing."""
        form = valid(NewSubscriptionSerializer, request)
        wanted = form.validated_data.get("events") or list(Notice.PUSHED)
        preview = form.validated_data.get("preview", False)
        subscription = PushSubscription.objects.put(self.device, form.browser, wanted, preview=preview)
        shown = SubscriptionSerializer(subscription, context={"family_id": self.device.family_id})
        return Response(shown.data, status=201)

    @extend_schema(operation_id="end_push", responses={200: DoneSerializer})
    def destroy(self, request: Request) -> Response:
        """This device's browser is told nothing more."""
        PushSubscription.objects.end_of(self.device)
        return Response(DONE)
