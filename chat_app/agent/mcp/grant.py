"""What an authorization server has given us for a person's MCP server, as its row keeps it: sealed, as JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Self

import httpx2
from django.utils import timezone
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.utils import validate_authorization_response_iss
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel, ValidationError

from sessions_app.models import McpServer

from .fenced import Trail, fenced_client

CLIENT_NAME = "Chat Juicer"
ENDED = (400, 401, 403)  # as which a refused refresh token is answered
MAX_BYTES = 64 * 1024  # of all that is kept
DEADLINE_S = 15.0  # of one request, which ends before another process may renew (RENEWAL_LIFETIME)
MAX_LIFETIME_S = 10 * 365 * 24 * 3600  # of tokens: who says more means for ever


class Grant(BaseModel):
    """The SDK's TokenStorage, in memory; whoever uses it writes it into the row. It also has what the SDK keeps in
    memory alone, without which another process could not renew the tokens: where, and for what."""

    client: OAuthClientInformationFull | None = None  # as we are registered
    tokens: OAuthToken | None = None
    metadata: OAuthMetadata | None = None
    resource: ProtectedResourceMetadata | None = None
    protocol_version: str | None = None
    wanted_scope: str | None = None  # what a call has asked for that the tokens did not allow

    @classmethod
    def of(cls, server: McpServer) -> Self:
        return cls.read(server.grant) or cls()

    @classmethod
    def read(cls, text: str) -> Self | None:
        try:
            return cls.model_validate_json(text) if text else None
        except ValidationError:  # of another version
            return None

    def text(self) -> str:
        """Raises OAuthFlowError where an authorization server says more than anybody needs to keep."""
        text = self.model_dump_json(exclude_none=True)
        if len(text.encode()) > MAX_BYTES:
            raise OAuthFlowError("The authorization server says too much.")
        return text

    @property
    def lasting(self) -> str:
        """The token to revoke: the refresh token, or else the access token; empty where there is none."""
        return (self.tokens.refresh_token or self.tokens.access_token) if self.tokens else ""

    @property
    def expires_at(self) -> datetime | None:
        """Of tokens that came just now; None: they say nothing of it."""
        if self.tokens is None or self.tokens.expires_in is None:
            return None
        return timezone.now() + timedelta(seconds=min(self.tokens.expires_in, MAX_LIFETIME_S))

    def client_for(self, callback_url: str) -> OAuthClientInformationFull | None:
        """Our registration at the authorization server; None where it has expired or is for another `callback_url`."""
        client = self.client
        if client is None or callback_url not in map(str, client.redirect_uris or ()):
            return None
        expires_at = client.client_secret_expires_at or 0  # 0: never
        return None if 0 < expires_at < time.time() else client

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Provider(OAuthClientProvider):
    """The SDK's, which goes on from where this or another process has been."""

    def __init__(self, url: str, grant: Grant, callback_url: str = "", scope: str | None = None) -> None:
        super().__init__(url, registration(callback_url, scope), grant)
        context = self.context
        context.client_info, context.current_tokens = grant.client, grant.tokens
        context.oauth_metadata, context.protected_resource_metadata = grant.metadata, grant.resource
        context.protocol_version = grant.protocol_version

    async def redeem(self, code: str, verifier: str, issuer: str | None) -> None:
        """The grant has tokens then. Raises OAuthFlowError, HTTPError."""
        validate_authorization_response_iss(issuer, self.context.oauth_metadata)
        async with asking() as client:
            request = await self._exchange_token_authorization_code(code, verifier)
            await self._handle_token_response(await client.send(request))

    async def renew(self) -> bool:
        """Whether the grant has new tokens; False: it has ended. Raises OAuthFlowError, HTTPError."""
        async with asking() as client:
            response = await client.send(await self._refresh_token())
            if await self._handle_refresh_response(response):
                return True
        if response.status_code not in ENDED:
            raise httpx2.ReadError("the authorization server fails")
        return False

    async def revoke(self) -> None:
        """Where that is offered. Raises OAuthFlowError, HTTPError."""
        metadata, tokens, client_info = (
            self.context.oauth_metadata,
            self.context.current_tokens,
            self.context.client_info,
        )
        if metadata is None or metadata.revocation_endpoint is None or tokens is None or client_info is None:
            return
        kind = "refresh_token" if tokens.refresh_token else "access_token"
        said = {"token": getattr(tokens, kind), "token_type_hint": kind, "client_id": client_info.client_id}
        async with asking() as client:
            form, headers = self.context.prepare_token_auth(said, {})
            await client.post(str(metadata.revocation_endpoint), data=form, headers=headers)


@asynccontextmanager
async def asking() -> AsyncGenerator[httpx2.AsyncClient]:
    """A client for one request to an authorization server, and whatever it answers: within DEADLINE_S, though it may
    send a byte now and then. Raises OAuthFlowError, HTTPError."""
    try:
        async with asyncio.timeout(DEADLINE_S), fenced_client(Trail()) as client:
            yield client
    except TimeoutError:
        raise httpx2.ReadTimeout("the authorization server takes too long") from None
    except (ValueError, httpx2.InvalidURL) as error:  # addresses and texts that are none
        raise OAuthFlowError(type(error).__name__) from None


def registration(callback_url: str, scope: str | None = None) -> OAuthClientMetadata:
    return OAuthClientMetadata(
        client_name=CLIENT_NAME,
        redirect_uris=[AnyUrl(callback_url)] if callback_url else None,
        application_type="web",
        scope=scope,
    )
