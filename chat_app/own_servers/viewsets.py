"""/api/mcp-servers: a person's own. An API key needs `admin`: what is set here outlives it.

An authorization goes by the person's browser, whose way back may end at any process: the callback takes what it brings
to the page, and the page brings it here, signed in. So nobody can be made to let somebody else in.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chat_app.database import in_database
from chat_app.runs.contract import Returned
from chat_app.viewsets import require_process
from chatjuicer.accounts.models import GroupAllowance
from chatjuicer.accounts.models.group_allowance import stands_in
from chatjuicer.api.addresses import public
from chatjuicer.api.awaited import AwaitedResponse
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.public import PublicView
from sessions_app.allowed import OWN
from sessions_app.exceptions import ServerNotAllowed
from sessions_app.models import McpServer
from sessions_app.models.mcp_server import MAX_SERVERS
from sessions_app.viewsets import caller

from .serializers import (
    MAX_CODE_CHARS,
    ConnectedSerializer,
    NewServerSerializer,
    ReturnedSerializer,
    ServerChangesSerializer,
    ServerListSerializer,
    ServerSerializer,
)

SERVER = OpenApiParameter("server_id", UUID, OpenApiParameter.PATH)
CALLBACK = "/api/mcp-servers/callback"
PAGE = "/#/mcp-servers?"  # which reads it there: a fragment is sent to nobody
BROUGHT = ("state", "code", "iss")


def shown(server: McpServer) -> dict[str, Any]:
    allowance = GroupAllowance.objects.of_user(server.user_id)
    return dict(ServerSerializer(server, context={"allowance": allowance}).data)


class McpServerViewSet(ViewSet):
    def server(self, server_id: UUID) -> McpServer:
        return get_object_or_404(caller(self.request).mcp_servers, pk=server_id)

    def shown_now(self, server_id: UUID) -> dict[str, Any]:
        """Raises Http404."""
        return shown(self.server(server_id))

    def require_allowed(self, name: str) -> None:
        """Raises ServerNotAllowed."""
        allowance = GroupAllowance.objects.of_user(caller(self.request).pk)
        if not stands_in(allowance.mcp_servers, f"{OWN}{name}"):
            raise ServerNotAllowed()

    @extend_schema(operation_id="list_mcp_servers", responses=ServerListSerializer)
    def list(self, request: Request) -> Response:
        """The caller's own, by name. Those that the operator has set up stand in `/api/config`."""
        allowance = GroupAllowance.objects.of_user(caller(request).pk)
        servers = caller(request).mcp_servers.light().order_by("name")
        return Response({"servers": ServerSerializer(servers, many=True, context={"allowance": allowance}).data})

    @extend_schema(
        operation_id="add_mcp_server",
        parameters=[IDEMPOTENCY_KEY],
        request=NewServerSerializer,
        responses={201: ServerSerializer},
        description=f"One's own, over streamable HTTP; at most {MAX_SERVERS}. Runs use it once it is connected.",
    )
    @idempotent
    def create(self, request: Request) -> Response:
        fields = valid(NewServerSerializer, request).validated_data
        self.require_allowed(fields["name"])
        return Response(shown(McpServer.objects.add(caller(request), **fields)), status=201)

    @extend_schema(operation_id="get_mcp_server", parameters=[SERVER], responses=ServerSerializer)
    def retrieve(self, request: Request, server_id: UUID) -> Response:
        return Response(shown(self.server(server_id)))

    @extend_schema(
        operation_id="change_mcp_server",
        parameters=[SERVER],
        request=ServerChangesSerializer,
        responses=ServerSerializer,
    )
    def partial_update(self, request: Request, server_id: UUID) -> Response:
        """Changes what is given and leaves the rest. With another `url` or `headers` it has to be connected again."""
        server = self.server(server_id)
        form = ServerChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data:
            self.require_allowed(server.name)
            try:
                server.configure(**form.validated_data)
            except McpServer.DoesNotExist:
                raise Http404 from None
        return Response(shown(server))

    @extend_schema(operation_id="delete_mcp_server", parameters=[SERVER], responses={200: DoneSerializer})
    def destroy(self, request: Request, server_id: UUID) -> Response:
        """What its authorization server gave is forgotten, and revoked where that is offered."""
        self.server(server_id).delete()
        return Response(DONE)

    @extend_schema(operation_id="connect_mcp_server", parameters=[SERVER], request=None, responses=ConnectedSerializer)
    def connect(self, request: Request, server_id: UUID) -> HttpResponseBase:
        """Asks the server to let us in. Where it wants the person's authorization, their browser is to be sent to
        `authorization_url`, and comes back to the page; else `status` says whether it is connected."""
        server = self.server(server_id)
        self.require_allowed(server.name)
        callback_url = public(request, CALLBACK)
        agent = require_process().loaded_agent

        async def body() -> dict[str, Any]:
            url = await (await agent()).servers.connect(server.pk, callback_url)
            return {"server": await in_database(self.shown_now, server.pk), "authorization_url": url or None}

        return AwaitedResponse(self, body())

    @extend_schema(operation_id="authorize_mcp_server", request=ReturnedSerializer, responses=ServerSerializer)
    def authorize(self, request: Request) -> HttpResponseBase:
        """What the browser has come back with, once. Only who has asked for the authorization can end it."""
        brought = valid(ReturnedSerializer, request).validated_data
        returned = Returned(brought["state"], brought.get("code", ""), brought.get("iss", ""))
        user_pk, agent = caller(request).pk, require_process().loaded_agent

        async def body() -> dict[str, Any]:
            server_pk = await (await agent()).servers.authorize(user_pk, returned)
            return await in_database(self.shown_now, server_pk)

        return AwaitedResponse(self, body())


class CallbackViewSet(PublicView, ViewSet):
    """For browsers, which an authorization server sends back. It knows nobody, and acts on nothing."""

    @extend_schema(
        operation_id="return_from_authorization",
        parameters=[OpenApiParameter(name, str) for name in BROUGHT],
        responses={302: OpenApiResponse(description="To the page.")},
    )
    def retrieve(self, request: Request) -> HttpResponseBase:
        """Sends the browser to the page, with what it has brought."""
        brought = {name: request.query_params.get(name, "")[:MAX_CODE_CHARS] for name in BROUGHT}
        return HttpResponseRedirect(PAGE + urlencode({name: text for name, text in brought.items() if text}))
