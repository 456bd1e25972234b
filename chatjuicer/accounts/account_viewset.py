"""People's accounts over REST, for administrators: who there is, who is let in and as what, and the end of their
sign-ins."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts import resets
from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import Role, Totp, User
from chatjuicer.accounts.passwords import refuse_weak
from chatjuicer.accounts.ranks import may_change
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.api.addresses import absolute
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.fields import Choice, Flag, Text
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.parameters import LIMIT, OFFSET, offset_and_limit, text, text_parameter

MAX_SEARCH_CHARS = 254
ACCOUNT = OpenApiParameter("account_id", UUID, OpenApiParameter.PATH, description="The user's `id`.")


class RoleField(Choice):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Role.choices, **kwargs)

    def to_internal_value(self, data: Any) -> Role:
        return Role(super().to_internal_value(data))


class AccountFieldsSerializer(serializers.Serializer[Any]):
    display_name = Text(max_length=150, allow_blank=True, required=False, trim_whitespace=True)
    role = RoleField(
        required=False, help_text="`administrator`: all rights; `staff`: those of their groups; 403 of no superuser."
    )


class AccountChangesSerializer(AccountFieldsSerializer):
    is_active = Flag(required=False, help_text="Who is not comes in no more, and every sign-in of theirs ends.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Something to change is expected.")
        return attrs


class NewAccountSerializer(AccountFieldsSerializer):
    email = serializers.EmailField(max_length=254)
    password = Text(
        min_length=8, max_length=128, required=False, help_text="None: they choose it at the address of an invitation."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "password" in attrs:
            refuse_weak(attrs["password"], User(email=attrs["email"]), "password")
        return {"password": None, "display_name": ""} | attrs


class ResetByAdministratorSerializer(serializers.Serializer[Any]):
    send = Flag(default=False, help_text="By mail, to the account's own address: then the answer does not tell it.")


class ResetAddressSerializer(serializers.Serializer[Any]):
    address = serializers.CharField(allow_null=True, help_text="Null: it was sent.")
    expires_at = serializers.DateTimeField()


class AccountSerializer(serializers.ModelSerializer[User]):
    groups = serializers.SlugRelatedField[Group]("name", many=True, read_only=True)
    role = serializers.ChoiceField(choices=Role.choices)
    has_password = serializers.BooleanField(
        source="has_usable_password", help_text="Who has none was invited, or comes in by another server's word."
    )
    has_totp = serializers.BooleanField(help_text="Whether one-time passwords are on.")

    class Meta:
        model = User
        fields = (
            "id", "email", "display_name", "is_active", "is_staff", "is_superuser", "role", "has_password", "has_totp",
            "groups", "created_at",
        )  # fmt: skip
        read_only_fields = fields


@extend_schema_serializer(many=False)
class AccountListSerializer(serializers.Serializer[Any]):
    accounts = AccountSerializer(many=True)
    has_more = serializers.BooleanField()


class AccountViewSet(AdministratorViewSet):
    """Service accounts have routes of their own."""

    rights: ClassVar[dict[str, str]] = {
        "list": "accounts.view_user",
        "create": "accounts.add_user",
        "retrieve": "accounts.view_user",
        "partial_update": "accounts.change_user",
        "destroy": "accounts.delete_user",
        "sign_out": "accounts.change_user",
        "give_reset": "accounts.change_user",
        "turn_off_totp": "accounts.change_user",
    }

    def people(self) -> QuerySet[User]:
        has_totp = Exists(Totp.objects.filter(user=OuterRef("pk")).exclude(confirmed_at=None))
        return User.objects.filter(is_service=False).prefetch_related("groups").annotate(has_totp=has_totp)

    def shown(self, account_id: UUID) -> dict[str, Any]:
        """Raises Http404."""
        return dict(AccountSerializer(get_object_or_404(self.people(), pk=account_id)).data)

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
        operation_id="create_account",
        parameters=[IDEMPOTENCY_KEY],
        request=NewAccountSerializer,
        responses={201: AccountSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """An account, whether or not registration is open. 409 `email_taken`; 403 of a role that the caller may not
        give."""
        form = valid(NewAccountSerializer, request)
        self.require_giver(request, form.validated_data, Role.USER)
        return Response(self.shown(User.objects.register(**form.validated_data).pk), status=201)

    @extend_schema(operation_id="get_account", parameters=[ACCOUNT], responses=AccountSerializer)
    def retrieve(self, request: Request, account_id: UUID) -> Response:
        return Response(self.shown(account_id))

    @extend_schema(
        operation_id="change_account",
        parameters=[ACCOUNT],
        request=AccountChangesSerializer,
        responses=AccountSerializer,
    )
    def partial_update(self, request: Request, account_id: UUID) -> Response:
        """Changes what is given and leaves the rest: whether they are let in, and as what. 403 where the user has
        rights that the caller has not, or is the caller; 409 `last_administrator` where nobody else was left."""
        user = self.another(request, account_id)
        form = valid(AccountChangesSerializer, request)
        self.require_giver(request, form.validated_data, user.role)
        user.administer(**form.validated_data)
        return Response(self.shown(account_id))

    @extend_schema(operation_id="delete_account", parameters=[ACCOUNT], responses={200: DoneSerializer})
    def destroy(self, request: Request, account_id: UUID) -> Response:
        """The account goes, and every session, message and file with it. It cannot be undone. 403 and 409 as of
        `change_account`."""
        user = self.another(request, account_id)
        user.administer(is_active=False)
        user.remove()
        return Response(DONE)

    @extend_schema(operation_id="sign_account_out", parameters=[ACCOUNT], request=None, responses={200: DoneSerializer})
    def sign_out(self, request: Request, account_id: UUID) -> Response:
        """Ends every sign-in of the user, on every device and in the admin. 403 where the user has rights that the
        caller has not."""
        user = self.changeable(request, account_id)
        user.sign_out_everywhere()
        return Response(DONE)

    @extend_schema(
        operation_id="reset_account_password",
        parameters=[ACCOUNT],
        request=ResetByAdministratorSerializer,
        responses={200: ResetAddressSerializer},
    )
    def give_reset(self, request: Request, account_id: UUID) -> Response:
        """An address at which a new password is chosen, once: within an hour, or within a week by who has none yet,
        which is an invitation. The old password is good until then. 403 as of `change_account`; 409
        `account_turned_off`, `no_mail`; 502 `mail_failed`."""
        user = self.another(request, account_id)
        form = ResetByAdministratorSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        base, address = absolute(request, "/"), None
        until = timezone.now() + resets.lifetime_for(user)
        if form.validated_data["send"]:
            resets.sent_by_administrator(user, base)
        else:
            address = resets.given_by_administrator(user, base)
        return Response(ResetAddressSerializer({"address": address, "expires_at": until}).data)

    @extend_schema(operation_id="turn_off_account_totp", parameters=[ACCOUNT], responses={200: DoneSerializer})
    def turn_off_totp(self, request: Request, account_id: UUID) -> Response:
        """One-time passwords, for who has lost the device: none is asked for until they are set up again. 403 as of
        `change_account`."""
        Totp.objects.turn_off(self.another(request, account_id))
        return Response(DONE)

    def require_giver(self, request: Request, given: dict[str, Any], held: Role) -> None:
        """Only a superuser gives roles. Raises PermissionDenied."""
        if given.get("role", held) != held and not credentials_of(request).user.is_superuser:
            raise PermissionDenied()

    def another(self, request: Request, account_id: UUID) -> User:
        """Raises Http404, and PermissionDenied for the caller, too: nobody locks themselves out, and what a password is
        asked for elsewhere is not had without it here."""
        user = self.changeable(request, account_id)
        if user == credentials_of(request).user:
            raise PermissionDenied()
        return user

    def changeable(self, request: Request, account_id: UUID) -> User:
        """Raises Http404 and PermissionDenied."""
        user = get_object_or_404(self.people(), pk=account_id)
        if not may_change(credentials_of(request).user, user):
            raise PermissionDenied()
        return user
