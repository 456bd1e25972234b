"""The JSON of webhooks, of what was sent to them, and of browsers that are told."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from chat_app.models import Notice, PushSubscription, Webhook
from chat_app.models.push_subscription import Browser
from chatjuicer.api.destinations import address, require_sendable
from chatjuicer.api.fields import Choice, Flag, Text

from .encryption import AUTH_BYTES, is_public_key
from .vapid import from_base64url

PUSHED = list(Notice.PUSHED)


class NewWebhookSerializer(serializers.Serializer[Any]):
    url = address(help_text="https, of a public host; of the operator's networks http, too.")
    events = serializers.ListField(
        child=Choice(choices=Notice.Type.choices),
        min_length=1,
        max_length=len(Notice.Type),
        help_text="Of which it is told.",
    )

    def validate_url(self, url: str) -> str:
        return require_sendable(url, settings.NOTICE_NETWORKS)


class WebhookChangesSerializer(serializers.Serializer[Any]):
    url = address(required=False)
    events = serializers.ListField(
        child=Choice(choices=Notice.Type.choices), min_length=1, max_length=len(Notice.Type), required=False
    )
    active = Flag(required=False, help_text="false: what was not sent yet is dropped, and nothing more is sent.")

    def validate_url(self, url: str) -> str:
        return require_sendable(url, settings.NOTICE_NETWORKS)


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    events = serializers.ListField(child=serializers.ChoiceField(choices=Notice.Type.choices))

    class Meta:
        model = Webhook
        fields = ("id", "url", "events", "active", "created_at", "last_delivered_at")
        read_only_fields = fields


class IssuedWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Signs what is sent; shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = ("secret", *WebhookSerializer.Meta.fields)  # type: ignore[assignment]


@extend_schema_serializer(many=False)
class WebhookListSerializer(serializers.Serializer[Any]):
    webhooks = WebhookSerializer(many=True)


class DeliverySerializer(serializers.ModelSerializer[Notice]):
    session_id = serializers.CharField(source="public_id")
    status = serializers.ChoiceField(choices=Notice.Status.values)
    error = serializers.CharField(
        help_text="Of the last try: empty, refused, redirect, timeout, not_public, no_such_host, certificate, "
        "no_answer, secret_lost."
    )
    next_try_at = serializers.SerializerMethodField(help_text="null: it is over.")

    class Meta:
        model = Notice
        fields = (
            "id", "type", "session_id", "run_id", "status", "tries", "response_status", "error", "created_at",
            "ended_at", "next_try_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_next_try_at(self, notice: Notice) -> str | None:
        pending = notice.status == Notice.Status.PENDING
        return serializers.DateTimeField().to_representation(notice.due_at) if pending else None


@extend_schema_serializer(many=False)
class DeliveryListSerializer(serializers.Serializer[Any]):
    deliveries = DeliverySerializer(many=True)
    has_more = serializers.BooleanField()


class PushKeySerializer(serializers.Serializer[Any]):
    public_key = serializers.CharField(help_text="The browser's `applicationServerKey`, in base64url.")


class BrowserKeysSerializer(serializers.Serializer[Any]):
    p256dh = Text(max_length=128, help_text="base64url")
    auth = Text(max_length=64, help_text="base64url")

    def validate_p256dh(self, text: str) -> str:
        if not is_public_key(decoded(text)):
            raise ValidationError("A public key of the curve P-256 is expected.")
        return text

    def validate_auth(self, text: str) -> str:
        if len(decoded(text)) != AUTH_BYTES:
            raise ValidationError(f"{AUTH_BYTES} bytes are expected.")
        return text


def decoded(text: str) -> bytes:
    try:
        return from_base64url(text)
    except ValueError:
        raise ValidationError("base64url is expected.") from None


class NewSubscriptionSerializer(serializers.Serializer[Any]):
    """What a browser's `PushSubscription.toJSON()` gives, and what the person wants."""

    endpoint = address(help_text="https, of a push service.")
    keys = BrowserKeysSerializer()
    events = serializers.ListField(
        child=Choice(choices=PUSHED),
        min_length=1,
        max_length=len(PUSHED),
        required=False,
        help_text="Missing: all of them.",
    )
    preview = Flag(required=False, help_text="true: the message says how the answer begins, too.")

    def validate_endpoint(self, url: str) -> str:
        return require_sendable(url, settings.NOTICE_NETWORKS)

    @property
    def browser(self) -> Browser:
        given = self.validated_data
        return Browser(given["endpoint"], given["keys"]["p256dh"], given["keys"]["auth"])


class SubscriptionSerializer(serializers.ModelSerializer[PushSubscription]):
    """The context holds the `family_id` of the request."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=PUSHED))
    current = serializers.SerializerMethodField(help_text="Whether the request came from its sign-in.")

    class Meta:
        model = PushSubscription
        fields = ("id", "events", "preview", "created_at", "current")
        read_only_fields = fields

    def get_current(self, subscription: PushSubscription) -> bool:
        return subscription.family_id == self.context["family_id"]


@extend_schema_serializer(many=False)
class SubscriptionListSerializer(serializers.Serializer[Any]):
    subscriptions = SubscriptionSerializer(many=True)
