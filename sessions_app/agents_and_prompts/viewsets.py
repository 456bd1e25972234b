"""/api/agents and /api/prompts: one's own, and those for all, which only administrators change."""

from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.core.exceptions import ObjectDoesNotExist
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.models import Scope
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.not_found import NotFoundView
from sessions_app.allowed import require_allowed
from sessions_app.exceptions import NameStays
from sessions_app.models import Agent, Prompt, change_agent
from sessions_app.models.agent import BUILT_IN
from sessions_app.models.named import Named, NamedManager
from sessions_app.viewsets import caller

from .for_all import PERMISSIONS, ForAllView
from .serializers import (
    AgentChangesSerializer,
    AgentListSerializer,
    AgentSerializer,
    ListedAgentSerializer,
    NewAgentSerializer,
    NewPromptSerializer,
    PromptChangesSerializer,
    PromptListSerializer,
    PromptSerializer,
)

N = TypeVar("N", bound=Named)


class NamedViewSet(ForAllView, NotFoundView, ViewSet, Generic[N]):
    """Subclasses say what of: a path's `lookup_url_kwarg` is the UUID of one's own, or of one for all."""

    read_scope: ClassVar[Scope] = Scope.READ
    scope: ClassVar[Scope] = Scope.CHAT
    not_found = (ObjectDoesNotExist,)
    lookup_url_kwarg: ClassVar[str]
    lookup_value_converter = "uuid"
    new_class: ClassVar[type[serializers.Serializer[None]]]
    changes_class: ClassVar[type[serializers.Serializer[None]]]
    shown_class: type[serializers.Serializer[N]]

    def all(self) -> NamedManager[N]:
        raise NotImplementedError

    @idempotent
    def create(self, request: Request) -> Response:
        form = valid(self.new_class, request)
        fields = form.validated_data
        self.require_allowed(fields)
        if not fields.pop("for_all", False):
            named = self.all().keep(caller(request), **fields)
        else:
            self.require_administrator(ADDITION)
            named = self.all().keep_for_all(**fields)
            self.note(named, ADDITION)
        return Response(self.shown_class(named).data, status=201)

    def retrieve(self, request: Request, **path: UUID) -> Response:
        return Response(self.shown_class(self.visible()).data)

    def partial_update(self, request: Request, **path: UUID) -> Response:
        named = self.visible()
        if named.owner_id is None:
            self.require_administrator(CHANGE)
        form = self.changes_class(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data:
            self.require_allowed(form.validated_data)
            self.change(named, form.validated_data)
            if named.owner_id is None:
                self.note(named, CHANGE)
        return Response(self.shown_class(named).data)

    def destroy(self, request: Request, **path: UUID) -> Response:
        named = self.visible()
        if named.owner_id is None:
            self.require_administrator(DELETION)
            self.note(named, DELETION)
        named.delete()
        return Response(DONE)

    def change(self, named: N, changes: dict[str, Any]) -> None:
        named.change(**changes)

    def require_allowed(self, fields: dict[str, Any]) -> None:
        """Raises ModelNotAllowed."""
        require_allowed(caller(self.request).pk, fields.get("model"))

    def visible(self) -> N:
        return self.all().visible_to(caller(self.request).pk).get(pk=self.kwargs[self.lookup_url_kwarg])

    def listed(self, name: str, rows: list[Any]) -> Response:
        return Response({name: rows, "may_make_for_all": all(map(self.may, PERMISSIONS))})


AGENT = OpenApiParameter("agent_id", UUID, OpenApiParameter.PATH)
PROMPT = OpenApiParameter("prompt_id", UUID, OpenApiParameter.PATH)


@extend_schema_view(
    create=extend_schema(
        operation_id="create_agent",
        parameters=[IDEMPOTENCY_KEY],
        request=NewAgentSerializer,
        responses={201: AgentSerializer},
        description=f"One's own, of which there can be {Agent.MOST}. Among these a name is there once.",
    ),
    retrieve=extend_schema(
        operation_id="get_agent", parameters=[AGENT], responses=AgentSerializer, description="With its instructions."
    ),
    partial_update=extend_schema(
        operation_id="change_agent",
        parameters=[AGENT],
        request=AgentChangesSerializer,
        responses=AgentSerializer,
        description="Changes what is given and leaves the rest. The next turn of its sessions knows it; they follow a "
        "new name.",
    ),
    destroy=extend_schema(
        operation_id="delete_agent",
        parameters=[AGENT],
        responses={200: DoneSerializer},
        description="Its sessions go on with `primary`.",
    ),
)
class AgentViewSet(NamedViewSet[Agent]):
    model = Agent
    lookup_url_kwarg = "agent_id"
    new_class, changes_class, shown_class = NewAgentSerializer, AgentChangesSerializer, AgentSerializer

    def all(self) -> NamedManager[Agent]:
        return Agent.objects

    @extend_schema(operation_id="list_agents", responses=AgentListSerializer)
    def list(self, request: Request) -> Response:
        """One's own, those for all, and those that are built in, without their instructions."""
        built_in = [Agent(name=name) for name in BUILT_IN]
        found = [*self.all().visible_to(caller(request).pk), *built_in]
        return self.listed("agents", [ListedAgentSerializer(agent).data for agent in found])

    def change(self, named: Agent, changes: dict[str, Any]) -> None:
        if named.owner_id is None and changes.get("name", named.name) != named.name:
            raise NameStays()
        change_agent(named, **changes)


@extend_schema_view(
    create=extend_schema(
        operation_id="create_prompt",
        parameters=[IDEMPOTENCY_KEY],
        request=NewPromptSerializer,
        responses={201: PromptSerializer},
        description=f"One's own, of which there can be {Prompt.MOST}. Among these a name is there once.",
    ),
    retrieve=extend_schema(operation_id="get_prompt", parameters=[PROMPT], responses=PromptSerializer),
    partial_update=extend_schema(
        operation_id="change_prompt",
        parameters=[PROMPT],
        request=PromptChangesSerializer,
        responses=PromptSerializer,
        description="Changes what is given and leaves the rest.",
    ),
    destroy=extend_schema(operation_id="delete_prompt", parameters=[PROMPT], responses={200: DoneSerializer}),
)
class PromptViewSet(NamedViewSet[Prompt]):
    model = Prompt
    lookup_url_kwarg = "prompt_id"
    new_class, changes_class, shown_class = NewPromptSerializer, PromptChangesSerializer, PromptSerializer

    def all(self) -> NamedManager[Prompt]:
        return Prompt.objects

    @extend_schema(operation_id="list_prompts", responses=PromptListSerializer)
    def list(self, request: Request) -> Response:
        """One's own, and those for all."""
        found = self.all().visible_to(caller(request).pk)
        return self.listed("prompts", [PromptSerializer(prompt).data for prompt in found])
