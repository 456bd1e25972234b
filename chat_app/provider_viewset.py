"""Providers of models over REST, for administrators: which there are, and whether they are asked."""

from collections import Counter
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.models import ModelProvider
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.api.fields import Flag
from sessions_app.provider_kinds import KINDS
from sessions_app.served import default_provider, providers, registry, shown

ID = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
PROVIDER = OpenApiParameter("provider_id", ID, OpenApiParameter.PATH)


class ProviderSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True, help_text="Null: it stands in the settings.")
    name = serializers.CharField(allow_blank=True, help_text="Empty: the default one.")
    kind = serializers.CharField(help_text="As people call it.")
    host = serializers.CharField(allow_blank=True, help_text="Of its address; the rest may be a secret.")
    enabled = serializers.BooleanField()
    models = serializers.IntegerField(help_text="That can be chosen now.")
    has_list = serializers.BooleanField(
        allow_null=True, help_text="Whether its list was had since the start; null: it gives none."
    )


class ProviderChangesSerializer(serializers.Serializer[Any]):
    enabled = Flag(help_text="One that is not also takes the settings' provider of that name out.")


@extend_schema_serializer(many=False)
class ProviderListSerializer(serializers.Serializer[Any]):
    providers = ProviderSerializer(many=True)


class ProviderViewSet(AdministratorViewSet):
    rights: ClassVar[dict[str, str]] = {
        "list": "chat_app.view_modelprovider",
        "partial_update": "chat_app.change_modelprovider",
    }

    @extend_schema(operation_id="list_providers", responses=ProviderListSerializer)
    def list(self, request: Request) -> Response:
        """The default one, then those of the admin, then those of the settings, in the order in which they are asked.
        For administrators, as all of these. No key is told."""
        rows = list(ModelProvider.objects.defer("key").order_by("position", "name"))
        default, names = default_provider(), {row.name for row in rows}
        of_settings = [provider for provider in settings.PROVIDERS if provider.name not in names]
        now = KnownNow()
        found = [
            *([now.told("", default.kind_name, default.url)] if default else []),
            *map(now.told_row, rows),
            *(now.told(provider.name, provider.kind_name, provider.url) for provider in of_settings),
        ]
        return Response({"providers": found})

    @extend_schema(
        operation_id="change_provider",
        parameters=[PROVIDER],
        request=ProviderChangesSerializer,
        responses=ProviderSerializer,
    )
    def partial_update(self, request: Request, provider_id: int) -> Response:
        """Whether one of the admin is asked, from the next answer on; other processes know within 15 seconds."""
        row = get_object_or_404(ModelProvider.objects.defer("key"), pk=provider_id)
        form = ProviderChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row.turn(form.validated_data["enabled"])
        return Response(KnownNow().told_row(row))


class KnownNow:
    """What this process knows of its providers, read once for an answer."""

    def __init__(self) -> None:
        self.by_name = {provider.name: provider for provider in providers()}
        self.models = Counter(served.provider.name for _, served in shown())

    def told_row(self, row: ModelProvider) -> dict[str, Any]:
        about = self.told(row.name, row.kind, row.url)
        return {**about, "id": row.pk, "enabled": row.enabled} | (
            {} if row.enabled else {"models": 0, "has_list": None}
        )

    def told(self, name: str, kind_name: str, url: str) -> dict[str, Any]:
        kind, asked = KINDS.get(kind_name), self.by_name.get(name)
        gives_list = asked is not None and asked.kind.lists_models
        return {
            "id": None,
            "name": name,
            "kind": kind.label if kind else kind_name,
            "host": urlsplit(url or (kind.url if kind else "")).hostname or "",
            "enabled": True,
            "models": self.models[name],
            "has_list": registry.listed(asked) is not None if asked is not None and gives_list else None,
        }
