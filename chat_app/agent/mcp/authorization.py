"""How a person lets us into an MCP server of theirs: OAuth 2.1 by the MCP SDK, in two halves.

The first finds out who authorizes (RFC 9728, RFC 8414), registers us there (RFC 7591) and ends where the person's
browser goes on. The second begins when it comes back, in whichever process: what the first has found is kept in the
row, so that a server which names another token endpoint meanwhile is not told the code.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from django.conf import settings
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, PKCEParameters
from mcp.client.auth.utils import union_scopes
from mcp.shared.auth import AuthorizationCodeResult
from rest_framework.exceptions import NotFound

from chat_app.database import in_database
from chat_app.exceptions import AttemptGone, NotAuthorized
from chat_app.runs.contract import Returned
from sessions_app.models import McpServer

from .fenced import UNAUTHORIZED, Trail
from .grant import Grant, Provider, registration
from .own_server import OwnServer, has_credentials

logger = logging.getLogger(__name__)

CONNECT_S = 25.0
CHALLENGE_METHOD = "S256"


class SentAway(Exception):
    """The person's browser is sent to the authorization server: nothing goes on here before it comes back."""


class Attempt(Grant):
    """What the second half has to know of the first."""

    verifier: str
    callback_url: str
    scope: str | None = None


class FirstHalf(OAuthClientProvider):
    """Answers a 401 by finding out where the person authorizes us. Tokens that there are already are not used: who
    connects wants new ones. Some servers let anybody connect, and refuse calls: one that `has_refused` us
    counts as answering 401."""

    def __init__(self, server: McpServer, callback_url: str, *, has_refused: bool = False) -> None:
        known = Grant.of(server)
        held = Grant(client=known.client_for(callback_url))
        super().__init__(server.url, registration(callback_url), held, self._send_away, came_back_elsewhere)
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.state, self.attempt = "", ""
        self._callback_url, self._wanted_scope = callback_url, known.wanted_scope
        self._has_refused = has_refused

    async def _auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        flow = super()._auth_flow(request)
        try:
            asked = await anext(flow)
            while True:
                response = yield asked
                if self._has_refused and asked is request and response.status_code != UNAUTHORIZED:
                    response = httpx2.Response(UNAUTHORIZED, request=request)
                asked = await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    async def _send_away(self, address: str) -> None:
        """With a state and a verifier of our own in the place of the SDK's, which it keeps to itself. Raises SentAway,
        OAuthFlowError."""
        if self.address.done():
            raise SentAway
        context = self.context
        methods = context.oauth_metadata.code_challenge_methods_supported if context.oauth_metadata else None
        if context.oauth_metadata and CHALLENGE_METHOD not in (methods or ()):
            raise OAuthFlowError("The authorization server does not say that it takes PKCE.")
        if urlsplit(address).scheme != "https" and not settings.MCP_NETWORKS:
            raise OAuthFlowError("The authorization server is not reached by https.")
        pkce, self.state = PKCEParameters.generate(), secrets.token_urlsafe(32)
        scope = union_scopes(context.client_metadata.scope, self._wanted_scope)
        own = {"state": self.state, "code_challenge": pkce.code_challenge} | ({"scope": scope} if scope else {})
        self.attempt = Attempt(
            client=context.client_info,
            metadata=context.oauth_metadata,
            resource=context.protected_resource_metadata,
            protocol_version=context.protocol_version,
            verifier=pkce.code_verifier,
            callback_url=self._callback_url,
            scope=scope,
        ).text()
        self.address.set_result(str(httpx2.URL(address).copy_merge_params(own)))
        raise SentAway


async def came_back_elsewhere() -> AuthorizationCodeResult:
    raise SentAway


class OwnServers:
    """The `OwnServers` of chat_app/runs/contract.py."""

    async def connect(self, server_pk: UUID, callback_url: str) -> str:
        row = await in_database(McpServer.objects.filter(pk=server_pk).first)
        if row is None:
            raise NotFound()
        trail, has_refused = Trail(), row.status == McpServer.Status.NEEDS_AUTHORIZATION
        asked = FirstHalf(row, callback_url, has_refused=has_refused)
        is_up = await lets_in(row, asked, trail)
        if has_refused and not (is_up or asked.address.done() or trail.error):
            # Nobody authorizes us there: it may take anybody by now.
            asked = FirstHalf(row, callback_url)
            is_up = await lets_in(row, asked, trail)
        if asked.address.done():
            is_current = await in_database(row.begin_attempt, asked.state, asked.attempt)
        elif is_up:
            is_current = await in_database(row.connect)
        else:
            is_current = await in_database(row.fail, trail.reason)
        if not is_current:
            raise NotFound()
        return asked.address.result() if asked.address.done() else ""

    async def authorize(self, user_pk: UUID, returned: Returned) -> UUID:
        found = await in_database(McpServer.objects.spend_attempt, user_pk, returned.state)
        if found is None:
            raise AttemptGone()
        row, kept = found
        if not returned.code:
            raise NotAuthorized()
        if (attempt := Attempt.read(kept)) is None:
            raise AttemptGone()
        provider = Provider(row.url, attempt, attempt.callback_url, attempt.scope)
        try:
            await provider.redeem(returned.code, attempt.verifier, returned.issuer or None)
            grant = Grant.model_validate(attempt.model_dump(include=set(Grant.model_fields)))
            text = grant.text()
        except (OAuthFlowError, httpx2.HTTPError) as error:
            # Its text may hold what the authorization server has said, or the code.
            logger.warning("An authorization server gave no tokens: %s", type(error).__name__)
            raise NotAuthorized() from None
        # Some give the same token again, with which the new grant would end.
        is_another = grant.lasting != Grant.of(row).lasting
        if not await in_database(row.connect, text, grant.expires_at, replaces=is_another):
            await self.revoke(row.url, text)
            raise AttemptGone()
        return row.pk

    async def revoke(self, url: str, grant: str) -> None:
        kept = Grant.read(grant)
        if kept is None:
            return
        try:
            await Provider(url, kept).revoke()
        except (OAuthFlowError, httpx2.HTTPError) as error:
            logger.warning("A grant could not be revoked: %s", type(error).__name__)


async def lets_in(row: McpServer, asked: FirstHalf, trail: Trail) -> bool:
    """Whether it does without a person, or else what was `asked` may have an address for their browser."""
    server = OwnServer(row, httpx2.Auth() if has_credentials(row.headers) else asked, trail)
    ready = asyncio.create_task(server.ready(CONNECT_S))
    first: list[asyncio.Future[Any]] = [ready, asked.address]
    try:
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        return server.is_up
    finally:
        ready.cancel()
        await server.stop()
