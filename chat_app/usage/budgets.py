"""Budgets of single users over REST, for administrators; those of groups are set with the group."""

from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.models import Budget
from chat_app.models.budget import next_day
from chatjuicer.accounts.group_viewset import MAX_TOKENS, NewMemberSerializer
from chatjuicer.accounts.models import User
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.fields import Dollars, Number
from chatjuicer.api.parameters import LIMIT, OFFSET
from chatjuicer.api.times import rfc3339

from .serializers import BudgetLeftSerializer

USER = OpenApiParameter("user_id", UUID, OpenApiParameter.PATH)


class NewBudgetSerializer(NewMemberSerializer):
    daily_tokens = Number(
        min_value=0,
        max_value=MAX_TOKENS,
        required=False,
        allow_null=True,
        default=None,
        help_text="0: any number; null: as everybody.",
    )
    daily_cost = Dollars(
        required=False,
        allow_null=True,
        default=None,
        help_text="US dollars, of models whose price is known. 0: any amount; null: as everybody.",
    )


class BudgetSerializer(serializers.Serializer[Budget]):
    user_id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")
    daily_tokens = serializers.IntegerField(allow_null=True)
    daily_cost = serializers.FloatField(allow_null=True, help_text="US dollars.")


class LimitsSerializer(serializers.Serializer[Any]):
    daily_tokens = serializers.IntegerField(help_text="0: any number.")
    daily_cost = serializers.FloatField(help_text="US dollars; 0: any amount.")


class BudgetOfOneSerializer(BudgetSerializer):
    everybody = LimitsSerializer(help_text="What counts for whoever has none of their own, or a null there.")
    budgets = BudgetLeftSerializer(many=True, help_text="What each that binds them leaves for today.")
    budgets_until = serializers.DateTimeField(help_text="When it begins anew.")


@extend_schema_serializer(many=False)
class BudgetListSerializer(serializers.Serializer[Any]):
    budgets = BudgetSerializer(many=True)
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()


class BudgetViewSet(AdministratorViewSet):
    rights: ClassVar[dict[str, str]] = {
        "list": "chat_app.view_budget",
        "retrieve": "chat_app.view_budget",
        "create": "chat_app.change_budget",
        "destroy": "chat_app.delete_budget",
    }

    @extend_schema(operation_id="list_budgets", parameters=[OFFSET, LIMIT], responses=BudgetListSerializer)
    def list(self, request: Request) -> Response:
        """Of the users that have one of their own, by e-mail address. For administrators, as all of these."""
        return self.page("budgets", Budget.objects.select_related("user").order_by("user__email"), BudgetSerializer)

    @extend_schema(operation_id="get_budget", parameters=[USER], responses=BudgetOfOneSerializer)
    def retrieve(self, request: Request, user_id: UUID) -> Response:
        """Of one user, who need not have one of their own, and what is left of all that bind them."""
        user = get_object_or_404(User, pk=user_id)
        own = Budget.objects.filter(pk=user_id).first() or Budget(user=user)
        everybody = {
            "daily_tokens": settings.BUDGET_USER_DAILY_TOKENS,
            "daily_cost": float(settings.BUDGET_USER_DAILY_COST),
        }
        left = {"budgets": Budget.objects.left_of(user_id), "budgets_until": rfc3339(next_day())}
        return Response(BudgetSerializer(own).data | {"everybody": everybody} | left)

    @extend_schema(operation_id="set_budget", request=NewBudgetSerializer, responses={201: BudgetSerializer})
    def create(self, request: Request) -> Response:
        """What one user may use in a day (UTC), in the place of what everybody may, and of what was set before. It
        counts from their next model call on."""
        form = valid(NewBudgetSerializer, request)
        user, tokens = form.validated_data["email"], form.validated_data["daily_tokens"]
        cost: Decimal | None = form.validated_data["daily_cost"]
        budget = Budget.objects.put(user, daily_tokens=tokens, daily_cost=cost)
        return Response(BudgetSerializer(budget).data, status=201)

    @extend_schema(operation_id="delete_budget", parameters=[USER], responses={200: DoneSerializer})
    def destroy(self, request: Request, user_id: UUID) -> Response:
        """The user may use what everybody may."""
        get_object_or_404(Budget, pk=user_id).delete()
        return Response(DONE)
