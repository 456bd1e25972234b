"""Providers of models over REST, for administrators: which there are, and what stands in those of the database."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.exceptions import UnreadableKey
from chat_app.models import ModelProvider
from chat_app.viewsets import require_process
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.api.awaited import AwaitedResponse
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.encryption import UnknownKey
from sessions_app.providers.kinds import KINDS
from sessions_app.providers.provider import Provider
from sessions_app.providers.served import default_provider, providers, registry, shown

from .serializers import (
    NewProviderSerializer,
    ProviderChangesSerializer,
    ProviderListSerializer,
    ProviderSerializer,
    ProviderSettingsSerializer,
    TriedOutSerializer,
    TryOutSerializer,
)

ID = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
PROVIDER = OpenApiParameter("provider_id", ID, OpenApiParameter.PATH)


class ProviderViewSet(AdministratorViewSet):
    rights: ClassVar[dict[str, str]] = {
        "list": "chat_app.view_modelprovider",
        "create": "chat_app.add_modelprovider",
        "retrieve": "chat_app.change_modelprovider",  # who may only look is told the host alone
        "partial_update": "chat_app.change_modelprovider",
        "destroy": "chat_app.delete_modelprovider",
        "try_out": "chat_app.change_modelprovider",
    }

    @extend_schema(operation_id="list_providers", responses=ProviderListSerializer)
    def list(self, request: Request) -> Response:
        """The default one, then those of the admin, then those of the settings, in the order in which they are asked.
        For administrators, as all of these. No key is told."""
        rows = list(ModelProvider.objects.light())
        default, names = default_provider(), {row.name for row in rows}
        of_settings = [provider for provider in settings.PROVIDERS if provider.name not in names]
        now = KnownNow()
        found = [
            *([now.told("", default.kind_name, default.url)] if default else []),
            *map(now.told_row, rows),
            *(now.told(provider.name, provider.kind_name, provider.url) for provider in of_settings),
        ]
        kinds = [{"name": name, "label": kind.label, "url": kind.url, "api": kind.api} for name, kind in KINDS.items()]
        return Response({"providers": found, "kinds": kinds})

    @extend_schema(
        operation_id="create_provider",
        parameters=[IDEMPOTENCY_KEY],
        request=NewProviderSerializer,
        responses={201: ProviderSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """One that is asked from then on; other processes know within 15 seconds. 409 `name_taken`."""
        fields = valid(NewProviderSerializer, request).validated_data
        with expecting():
            row = ModelProvider.objects.add(**fields)
        return Response(KnownNow().told_row(row), status=201)

    @extend_schema(operation_id="get_provider", parameters=[PROVIDER], responses=ProviderSettingsSerializer)
    def retrieve(self, request: Request, provider_id: int) -> Response:
        """What stands in one of the admin."""
        row = get_object_or_404(ModelProvider.objects.light(), pk=provider_id)
        return Response(ProviderSettingsSerializer(row).data)

    @extend_schema(
        operation_id="change_provider",
        parameters=[PROVIDER],
        request=ProviderChangesSerializer,
        responses=ProviderSerializer,
    )
    def partial_update(self, request: Request, provider_id: int) -> Response:
        """Changes what is given and leaves the rest, from the next answer on; other processes know within 15 seconds.
        400 `key_needed` where another address would be given the key."""
        get_object_or_404(ModelProvider.objects.light(), pk=provider_id)
        changes = valid(ProviderChangesSerializer, request).validated_data
        if not changes:
            raise ValidationError("Something to change is expected.")
        try:
            with expecting():
                row = ModelProvider.objects.change(provider_id, **changes)
        except ModelProvider.DoesNotExist:
            raise Http404 from None
        return Response(KnownNow().told_row(row))

    @extend_schema(operation_id="delete_provider", parameters=[PROVIDER], responses={200: DoneSerializer})
    def destroy(self, request: Request, provider_id: int) -> Response:
        """With its key. The settings' provider of that name counts again."""
        get_object_or_404(ModelProvider.objects.light(), pk=provider_id).delete()
        return Response(DONE)

    @extend_schema(operation_id="test_provider", request=TryOutSerializer, responses={200: TriedOutSerializer})
    def try_out(self, request: Request) -> HttpResponseBase:
        """Asks a provider now: for its list of models, or a model for one word, which costs what a word costs. Also one
        that is not enabled. What it says is not told."""
        given = valid(TryOutSerializer, request).validated_data
        provider, agent = provider_named(given["name"]), require_process().loaded_agent

        async def body() -> dict[str, Any]:
            tested = await (await agent()).try_out(provider, given["model"])
            error = asdict(tested.error) if tested.error else None
            return {"models": tested.models, "error": error, "took_ms": tested.took_ms}

        return AwaitedResponse(self, body())


def provider_named(name: str) -> Provider:
    """The default one has no name. Raises Http404, UnreadableKey and ValidationError."""
    if not name:
        provider = default_provider()
    else:
        try:
            row = ModelProvider.objects.filter(name=name).first()
        except UnknownKey:
            raise UnreadableKey() from None
        with expecting():
            of_settings = (one for one in settings.PROVIDERS if one.name == name)
            provider = row.provider() if row else next(of_settings, None)
    if provider is None:
        raise Http404
    return provider


@contextmanager
def expecting() -> Iterator[None]:
    """Raises ValidationError for what the row's verbs refuse."""
    try:
        yield
    except ValueError as error:
        raise ValidationError(f"Expected: {error}.") from None


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
