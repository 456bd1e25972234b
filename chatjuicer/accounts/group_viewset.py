"""Groups over REST, for administrators: who is in them, and what they let their members use."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import GroupAllowance, User
from chatjuicer.accounts.models.group_allowance import MAX_NAME_CHARS, MAX_NAMES
from chatjuicer.accounts.models.user import normal
from chatjuicer.accounts.ranks import may_change, may_give
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.fields import Dollars, Number, OneLine, Text
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.parameters import LIMIT, OFFSET

MAX_GROUPS = 1_000
MAX_TOKENS = 2**31 - 1
GROUP = OpenApiParameter("group_id", {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, OpenApiParameter.PATH)
MEMBER = OpenApiParameter("member_id", UUID, OpenApiParameter.PATH, description="The user's `id`.")


class Names(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Text(max_length=MAX_NAME_CHARS), max_length=MAX_NAMES, allow_null=True, **kwargs)


class GroupChangesSerializer(serializers.Serializer[Any]):
    name = OneLine(max_length=150, required=False)
    models = Names(
        source="allowed_models",
        required=False,
        help_text="Ids as models are chosen by, `*` for any characters. null: it says nothing of them; []: none.",
    )
    mcp_servers = Names(source="allowed_servers", required=False, help_text="Keys of MCP servers; as `models`.")
    daily_tokens = Number(
        min_value=0,
        max_value=MAX_TOKENS,
        required=False,
        help_text="That all members together may use in a day (UTC); 0: any number.",
    )
    daily_cost = Dollars(
        required=False,
        help_text="US dollars that all members together may use in a day (UTC), of models whose price is known; 0: any "
        "amount.",
    )


class NewGroupSerializer(GroupChangesSerializer):
    name = OneLine(max_length=150)


class GroupSerializer(serializers.Serializer[Group]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    models = serializers.ListField(child=serializers.CharField(), allow_null=True)
    mcp_servers = serializers.ListField(child=serializers.CharField(), allow_null=True)
    daily_tokens = serializers.IntegerField()
    daily_cost = serializers.FloatField(help_text="US dollars.")
    member_count = serializers.IntegerField()

    def to_representation(self, instance: Group) -> dict[str, Any]:
        allowance = GroupAllowance.objects.of_group(instance)
        return {
            "id": instance.pk,
            "name": instance.name,
            "models": allowance.allowed_models,
            "mcp_servers": allowance.allowed_servers,
            "daily_tokens": allowance.daily_tokens,
            "daily_cost": float(allowance.daily_cost),
            "member_count": getattr(instance, "member_count", 0),
        }


@extend_schema_serializer(many=False)
class GroupListSerializer(serializers.Serializer[Any]):
    groups = GroupSerializer(many=True)


class NewMemberSerializer(serializers.Serializer[Any]):
    email = Text(max_length=254, trim_whitespace=True, help_text="Of an account that there is.")

    def validate_email(self, email: str) -> User:
        user = User.objects.filter(email=normal(email)).first()
        if user is None:
            raise serializers.ValidationError("There is no such account.")
        return user


class MemberSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "display_name", "is_active", "is_service")
        read_only_fields = fields


@extend_schema_serializer(many=False)
class MemberListSerializer(serializers.Serializer[Any]):
    members = MemberSerializer(many=True)
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()


class GroupViewSet(AdministratorViewSet):
    rights: ClassVar[dict[str, str]] = {
        "list": "auth.view_group",
        "create": "auth.add_group",
        "retrieve": "auth.view_group",
        "partial_update": "auth.change_group",
        "destroy": "auth.delete_group",
        "members": "auth.view_group",
        # A group may have rights of its own, which its members have.
        "add_member": "accounts.change_user",
        "remove_member": "accounts.change_user",
    }

    def groups(self) -> QuerySet[Group]:
        return Group.objects.select_related("allowance").annotate(member_count=Count("user")).order_by("name")

    @extend_schema(operation_id="list_groups", responses=GroupListSerializer)
    def list(self, request: Request) -> Response:
        """All of them, by name, with what they let their members use. For administrators, as all of these."""
        return Response({"groups": [GroupSerializer(group).data for group in self.groups()[:MAX_GROUPS]]})

    @extend_schema(
        operation_id="create_group",
        parameters=[IDEMPOTENCY_KEY],
        request=NewGroupSerializer,
        responses={201: GroupSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """A group without members. 409 `name_taken`."""
        form = valid(NewGroupSerializer, request)
        return Response(GroupSerializer(GroupAllowance.objects.make_group(**form.validated_data)).data, status=201)

    @extend_schema(operation_id="get_group", parameters=[GROUP], responses=GroupSerializer)
    def retrieve(self, request: Request, group_id: int) -> Response:
        return Response(GroupSerializer(get_object_or_404(self.groups(), pk=group_id)).data)

    @extend_schema(
        operation_id="change_group", parameters=[GROUP], request=GroupChangesSerializer, responses=GroupSerializer
    )
    def partial_update(self, request: Request, group_id: int) -> Response:
        """Changes what is given and leaves the rest. It counts at once for what is asked for from then on."""
        group = get_object_or_404(self.groups(), pk=group_id)
        form = GroupChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        GroupAllowance.objects.of_group(group).change(**form.validated_data)
        return Response(GroupSerializer(get_object_or_404(self.groups(), pk=group_id)).data)

    @extend_schema(operation_id="delete_group", parameters=[GROUP], responses={200: DoneSerializer})
    def destroy(self, request: Request, group_id: int) -> Response:
        """Its members stay, and are bound by it no more."""
        get_object_or_404(self.groups(), pk=group_id).delete()
        return Response(DONE)

    @extend_schema(operation_id="list_members", parameters=[GROUP, OFFSET, LIMIT], responses=MemberListSerializer)
    def members(self, request: Request, group_id: int) -> Response:
        """By e-mail address."""
        group = get_object_or_404(Group, pk=group_id)
        return self.page("members", User.objects.filter(groups=group).order_by("email"), MemberSerializer)

    @extend_schema(
        operation_id="add_member", parameters=[GROUP], request=NewMemberSerializer, responses={201: MemberSerializer}
    )
    def add_member(self, request: Request, group_id: int) -> Response:
        """Of one who is a member already nothing changes. 403 where the group, or the user, has rights that the caller
        has not."""
        group = get_object_or_404(Group, pk=group_id)
        form = valid(NewMemberSerializer, request)
        user: User = form.validated_data["email"]
        require_rank(request, user, group)
        user.groups.add(group)
        return Response(MemberSerializer(user).data, status=201)

    @extend_schema(operation_id="remove_member", parameters=[GROUP, MEMBER], responses={200: DoneSerializer})
    def remove_member(self, request: Request, group_id: int, member_id: UUID) -> Response:
        """403 as of `add_member`."""
        user = get_object_or_404(User, pk=member_id, groups=group_id)
        group = get_object_or_404(Group, pk=group_id)
        require_rank(request, user, group)
        user.groups.remove(group)
        return Response(DONE)


def require_rank(request: Request, user: User, group: Group) -> None:
    """Raises PermissionDenied unless who asks may put that user into that group, or take them out of it."""
    caller = credentials_of(request).user
    if not (may_give(caller, group) and may_change(caller, user)):
        raise PermissionDenied()
