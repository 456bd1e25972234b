"""An MCP server that a person has added, in runs: where nobody can be asked to authorize us, and nothing of ours is
reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx2
from django.conf import settings
from django.utils import timezone
from mcp.client.auth import OAuthFlowError
from mcp.client.auth.utils import extract_field_from_www_auth, extract_scope_from_www_auth, union_scopes
from mcp.types import CallToolResult
from mcp.types import Tool as Listed

from chat_app.agent.tools.tool import ToolFailure
from chat_app.database import in_database
from sessions_app.models import McpServer

from .fenced import UNAUTHORIZED, Trail, fenced_client
from .grant import Grant, Provider
from .server import Server
from .transport import HttpServer

logger = logging.getLogger(__name__)

FORBIDDEN, TOO_LITTLE = 403, "insufficient_scope"
RENEWAL_S = 15.0  # that a request waits for new tokens, whichever process gets them
LOOK_S = 0.1  # how often it looks whether another has
EARLY = timedelta(seconds=5)  # tokens that are about to expire do not arrive in time
AGAIN = "{key} needs the person's authorization again: in Settings, under MCP servers, they can connect it."


class OwnServer(Server):
    def __init__(self, row: McpServer, auth: httpx2.Auth | None = None, trail: Trail | None = None) -> None:
        super().__init__(row.key, entry_of(row))
        self._name, self._url, self._headers = row.name, row.url, row.headers
        self._auth = auth or (None if has_credentials(self._headers) else StoredAuth(row))
        self._trail = trail or Trail()

    async def _made(self) -> HttpServer:
        return HttpServer(
            self.key,
            self._url,
            self._headers,
            settings.MCP_CALL_TIMEOUT_S,
            client_factory=partial(fenced_client, self._trail),
            auth=self._auth,
        )

    def name_of(self, listed: Listed) -> str:
        """With the server's name, so that it passes for no tool of ours or of the operator's."""
        return f"{self._name}_{listed.name}"

    @property
    def is_unauthorized(self) -> bool:
        return isinstance(self._auth, StoredAuth) and self._auth.refused

    async def call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        try:
            return await super().call(name, arguments)
        except ToolFailure:
            if self.is_unauthorized:
                raise ToolFailure(AGAIN.format(key=self.key)) from None
            raise


def entry_of(row: McpServer) -> dict[str, Any]:
    """As one of MCP_SERVERS. A server whose entry has changed is made anew."""
    entry = {"url": row.url, "headers": row.headers, "connected_at": row.connected_at}
    return entry | ({"require_approval": "always"} if row.always_asks else {})


def has_credentials(headers: dict[str, str]) -> bool:
    return any(name.lower() == "authorization" for name in headers)


class StoredAuth(httpx2.Auth):
    """By the tokens of the row, which one of all processes renews at a time: a refresh token that is used twice ends
    the grant. Where they are refused, the row says that the person has to authorize us again."""

    def __init__(self, row: McpServer) -> None:
        self.refused = False
        self._pk = row.pk
        self._url = row.url
        self._connected_at = row.connected_at
        self._has_grant = True  # until the row is read; it does not change without `connected_at`
        self._token = ""
        self._expires_at = row.grant_expires_at
        self._lock = asyncio.Lock()
        self._renewal: asyncio.Task[str] | None = None

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        token = await self._current()
        sign(request, token)
        response = yield request
        if response.status_code == UNAUTHORIZED and token and (newer := await self._current(refused=token)):
            sign(request, newer)
            response = yield request
        if response.status_code == UNAUTHORIZED:
            await self._refuse()
        elif response.status_code == FORBIDDEN and extract_field_from_www_auth(response, "error") == TOO_LITTLE:
            await self._refuse(extract_scope_from_www_auth(response))

    async def _current(self, refused: str = "") -> str:
        """The access token, another one than the `refused`; empty where there is none. Raises HTTPError where it
        cannot be renewed at the moment."""
        if not self._has_grant:
            return ""
        async with self._lock:
            if not self._token or self._token == refused or has_expired(self._expires_at):
                self._token = await self._renewed(refused)
            return self._token

    async def _renewed(self, refused: str) -> str:
        loop = asyncio.get_running_loop()
        deadline, known = loop.time() + RENEWAL_S, ""
        while loop.time() < deadline:
            row, is_ours = await in_database(self._row_or_renewal, refused, known)
            if row is None or (tokens := (grant := Grant.of(row)).tokens) is None:
                self._has_grant = False
                return ""
            if is_ours:
                # Whoever waits here may be cancelled, and the new refresh token must not get lost with them.
                self._renewal = loop.create_task(self._renew(row, grant))
                self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
                return await asyncio.shield(self._renewal)
            if is_good(tokens.access_token, row, refused, known):
                self._expires_at = row.grant_expires_at
                return tokens.access_token
            if not tokens.refresh_token:
                return ""
            known = tokens.access_token
            await asyncio.sleep(LOOK_S)
        raise httpx2.ReadTimeout("the tokens are being renewed elsewhere")

    def _row_or_renewal(self, refused: str, known: str) -> tuple[McpServer | None, bool]:
        """The row, and whether it is this process's to renew its grant, unless another has just done so."""
        row = self._row()
        tokens = Grant.of(row).tokens if row else None
        if row is None or tokens is None or not tokens.refresh_token:
            return row, False
        if is_good(tokens.access_token, row, refused, known):
            return row, False
        if not row.begin_renewal():
            return row, False
        newer = Grant.of(row).tokens
        if newer and is_good(newer.access_token, row, refused, known):
            row.end_renewal()
            return row, False
        return row, True

    async def _renew(self, row: McpServer, grant: Grant) -> str:
        renewed = ""
        try:
            if await Provider(self._url, grant).renew():
                renewed = grant.text()
        except OAuthFlowError as error:
            raise httpx2.ReadError(type(error).__name__) from None
        finally:
            if not renewed:
                await in_database(row.end_renewal)
        if not renewed or grant.tokens is None:
            return ""
        self._expires_at = grant.expires_at
        await in_database(row.renew, renewed, self._expires_at)
        return grant.tokens.access_token

    def _row(self) -> McpServer | None:
        return McpServer.objects.filter(pk=self._pk, connected_at=self._connected_at).first()

    async def _refuse(self, scope: str | None = None) -> None:
        self.refused = True
        row = await in_database(self._row)
        if row is not None:
            await in_database(row.refuse, wanting(scope, row))
            logger.info("%s needs the authorization of its person", row.pk)


def wanting(scope: str | None, row: McpServer) -> str:
    """The text of the row's grant, with the scope that it lacks noted in it; empty where there is none, or no scope is
    named."""
    grant = Grant.read(row.grant) if scope else None
    if grant is None:
        return ""
    grant.wanted_scope = union_scopes(grant.tokens.scope if grant.tokens else None, scope)
    try:
        return grant.text()
    except OAuthFlowError:  # of so many scopes
        return ""


def sign(request: httpx2.Request, token: str) -> None:
    if token:
        request.headers["Authorization"] = f"Bearer {token}"


def is_good(token: str, row: McpServer, refused: str, known: str) -> bool:
    """One that came since another was `known` is as new as can be, however short it lasts: where tokens last for one
    request, each other process has begun the next renewal by then."""
    return token != refused and (not has_expired(row.grant_expires_at) or known not in ("", token))


def has_expired(at: datetime | None) -> bool:
    return at is not None and at - EARLY < timezone.now()
