"""Service accounts over REST, for administrators: users that are programs, and their API keys."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts.models import ServiceAccount
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.accounts.serializers import (
    IssuedKeySerializer,
    KeyListSerializer,
    NewKeySerializer,
)
from chatjuicer.accounts.viewsets import ApiKeyViewSet
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.fields import Flag, OneLine
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.parameters import LIMIT, OFFSET

SERVICE = OpenApiParameter("service_id", UUID, OpenApiParameter.PATH)
KEY = OpenApiParameter("key_id", UUID, OpenApiParameter.PATH)


class ServiceChangesSerializer(serializers.Serializer[Any]):
    name = OneLine(max_length=150, required=False, source="display_name")
    is_active = Flag(required=False, help_text="Of one that is not, no key lets anybody in.")


class NewServiceSerializer(serializers.Serializer[Any]):
    name = OneLine(max_length=150, source="display_name")


class ServiceSerializer(serializers.ModelSerializer[ServiceAccount]):
    name = serializers.CharField(source="display_name")
    groups = serializers.SlugRelatedField[Group]("name", many=True, read_only=True)

    class Meta:
        model = ServiceAccount
        fields = ("id", "name", "email", "is_active", "groups", "created_at")
        read_only_fields = fields


@extend_schema_serializer(many=False)
class ServiceListSerializer(serializers.Serializer[Any]):
    service_accounts = ServiceSerializer(many=True)
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()


class ServiceViewSet(AdministratorViewSet):
    rights: ClassVar[dict[str, str]] = {
        "list": "accounts.view_serviceaccount",
        "create": "accounts.add_serviceaccount",
        "retrieve": "accounts.view_serviceaccount",
        "partial_update": "accounts.change_serviceaccount",
        "destroy": "accounts.delete_serviceaccount",
    }

    @extend_schema(operation_id="list_services", parameters=[OFFSET, LIMIT], responses=ServiceListSerializer)
    def list(self, request: Request) -> Response:
        """The newest first. For administrators, as all of these."""
        return self.page("service_accounts", ServiceAccount.objects.prefetch_related("groups"), ServiceSerializer)

    @extend_schema(
        operation_id="create_service",
        parameters=[IDEMPOTENCY_KEY],
        request=NewServiceSerializer,
        responses={201: ServiceSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """A user that is a program: without a password, and never an administrator."""
        form = valid(NewServiceSerializer, request)
        service = ServiceAccount.objects.create(**form.validated_data)
        return Response(ServiceSerializer(service).data, status=201)

    @extend_schema(operation_id="get_service", parameters=[SERVICE], responses=ServiceSerializer)
    def retrieve(self, request: Request, service_id: UUID) -> Response:
        return Response(ServiceSerializer(get_object_or_404(ServiceAccount, pk=service_id)).data)

    @extend_schema(
        operation_id="change_service",
        parameters=[SERVICE],
        request=ServiceChangesSerializer,
        responses=ServiceSerializer,
    )
    def partial_update(self, request: Request, service_id: UUID) -> Response:
        """Changes what is given and leaves the rest."""
        service = get_object_or_404(ServiceAccount, pk=service_id)
        form = ServiceChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data:
            service.configure(**form.validated_data)
        return Response(ServiceSerializer(service).data)

    @extend_schema(operation_id="delete_service", parameters=[SERVICE], responses={200: DoneSerializer})
    def destroy(self, request: Request, service_id: UUID) -> Response:
        """With its keys, and every session, message and file of it."""
        get_object_or_404(ServiceAccount, pk=service_id).remove()
        return Response(DONE)


@extend_schema_view(
    list=extend_schema(operation_id="list_service_keys", parameters=[SERVICE], responses=KeyListSerializer),
    create=extend_schema(
        operation_id="create_service_key",
        parameters=[SERVICE, IDEMPOTENCY_KEY],
        request=NewKeySerializer,
        responses={201: IssuedKeySerializer},
    ),
    destroy=extend_schema(
        operation_id="delete_service_key", parameters=[SERVICE, KEY], responses={200: DoneSerializer}
    ),
)
class ServiceKeyViewSet(AdministratorViewSet, ApiKeyViewSet):
    """The keys of one."""

    rights: ClassVar[dict[str, str]] = {
        "list": "accounts.view_serviceaccount",
        "create": "accounts.change_serviceaccount",
        "destroy": "accounts.change_serviceaccount",
    }

    def owner(self) -> ServiceAccount:
        return get_object_or_404(ServiceAccount, pk=self.kwargs["service_id"])
