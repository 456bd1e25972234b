"""People's accounts over REST, for administrators: who there is, who is let in, and the end of their sign-ins."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import User
from chatjuicer.accounts.ranks import may_change
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.accounts.serializers import SuccessSerializer
from chatjuicer.api.fields import Flag
from chatjuicer.api.parameters import LIMIT, OFFSET, offset_and_limit, text, text_parameter

MAX_SEARCH_CHARS = 254
ACCOUNT = OpenApiParameter("account_id", UUID, OpenApiParameter.PATH, description="The user's `id`.")


class AccountChangesSerializer(serializers.Serializer[Any]):
    is_active = Flag(help_text="Who is not active comes in no more, and every sign-in of theirs ends.")


class AccountSerializer(serializers.ModelSerializer[User]):
    groups = serializers.SlugRelatedField[Group]("name", many=True, read_only=True)

    class Meta:
        model = User
        fields = ("id", "email", "display_name", "is_active", "is_staff", "is_superuser", "groups", "created_at")
        read_only_fields = fields


@extend_schema_serializer(many=False)
class AccountListSerializer(serializers.Serializer[Any]):
    accounts = AccountSerializer(many=True)
    has_more = serializers.BooleanField()


class AccountViewSet(AdministratorViewSet):
    """Service accounts have routes of their own."""

    rights: ClassVar[dict[str, str]] = {
        "list": "accounts.view_user",
        "partial_update": "accounts.change_user",
        "sign_out": "accounts.change_user",
    }

    def people(self) -> QuerySet[User]:
        return User.objects.filter(is_service=False).prefetch_related("groups")

    @extend_schema(
        operation_id="list_accounts",
        parameters=[
            text_parameter("search", "A part of the e-mail address, or of the name.", MAX_SEARCH_CHARS),
            OFFSET,
            LIMIT,
        ],
        responses=AccountListSerializer,
    )
    def list(self, request: Request) -> Response:
        """The newest first. For administrators, as all of these."""
        offset, limit = offset_and_limit(request.query_params)
        term = text(request.query_params, "search", MAX_SEARCH_CHARS).strip()
        people = self.people()
        if term:
            people = people.filter(Q(email__icontains=term) | Q(display_name__icontains=term))
        found = list(people[offset : offset + limit + 1])
        shown = AccountSerializer(found[:limit], many=True).data
        return Response({"accounts": shown, "has_more": len(found) > limit})

    @extend_schema(
        operation_id="change_account",
        parameters=[ACCOUNT],
        request=AccountChangesSerializer,
        responses=AccountSerializer,
    )
    def partial_update(self, request: Request, account_id: UUID) -> Response:
        """Lets a user in, or not any more. 403 where the user has rights that the caller has not, or is the caller."""
        user = self.changeable(request, account_id)
        form = AccountChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if user == credentials_of(request).user:
            raise PermissionDenied()  # a server whose last administrator is locked out has none to let them in
        user.let_in(form.validated_data["is_active"])
        return Response(AccountSerializer(user).data)

    @extend_schema(
        operation_id="sign_account_out", parameters=[ACCOUNT], request=None, responses={200: SuccessSerializer}
    )
    def sign_out(self, request: Request, account_id: UUID) -> Response:
        """Ends every sign-in of the user, on every device and in the admin. 403 as of `change_account`."""
        user = self.changeable(request, account_id)
        user.sign_out_everywhere()
        return Response({"success": True})

    def changeable(self, request: Request, account_id: UUID) -> User:
        """Raises Http404 and PermissionDenied."""
        user = get_object_or_404(self.people(), pk=account_id)
        if not may_change(credentials_of(request).user, user):
            raise PermissionDenied()
        return user
