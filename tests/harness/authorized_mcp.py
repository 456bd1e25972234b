"""An MCP server that wants to be authorized, and the authorization server that does it, of the MCP SDK's own parts: two
servers on two ports, in a thread."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp.types import ToolAnnotations
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.harness.services import free_port, until

LIFETIME_S = 3600
SCOPE = "numbers"
ANYBODY = "anybody"


@dataclass
class Authority(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Agrees to whatever it is asked, and remembers it. A refresh token that is used twice ends its grant."""

    agrees: bool = True
    is_over: bool = False  # a lenient server has given it up, and lets anybody call
    lifetime_s: int = LIFETIME_S
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    revoked: list[str] = field(default_factory=list)  # subjects
    renewals: int = 0
    grants: int = 0

    def end_access(self) -> None:
        """All access tokens are good no more; refresh tokens are."""
        self.access.clear()

    def end_all(self) -> None:
        self.access.clear()
        self.refresh.clear()

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        back = str(params.redirect_uri)
        if not self.agrees:
            return construct_redirect_uri(back, error="access_denied", state=params.state)
        code, self.grants = secrets.token_urlsafe(32), self.grants + 1
        self.codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=f"grant {self.grants}",
        )
        return construct_redirect_uri(back, code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._tokens(authorization_code)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        if refresh_token in self.spent:
            self.end_all()
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self.refresh.pop(refresh_token.token, None) is None:
            raise TokenError("invalid_grant")
        self.spent.add(refresh_token.token)
        self.renewals += 1
        return self._tokens(refresh_token)

    def _tokens(self, of: AuthorizationCode | RefreshToken) -> OAuthToken:
        access, refresh = (secrets.token_urlsafe(24) for _ in range(2))
        about: dict[str, Any] = {
            "client_id": of.client_id, "scopes": of.scopes, "resource": of.resource, "subject": of.subject,
        }  # fmt: skip
        self.access[access] = AccessToken(token=access, **about)
        self.refresh[refresh] = RefreshToken(token=refresh, **about)
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=self.lifetime_s)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def verify_token(self, token: str) -> AccessToken | None:
        """For the MCP server."""
        if token == ANYBODY:
            return AccessToken(token=token, client_id=ANYBODY, scopes=[SCOPE])
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.revoked.append(str(token.subject))
        self.access = {name: one for name, one in self.access.items() if one.subject != token.subject}
        self.refresh = {name: one for name, one in self.refresh.items() if one.subject != token.subject}


class AuthorizedMcp:
    """By `with`. Where it is `lenient`, it wants to be authorized for calls alone."""

    def __init__(self, *, lenient: bool = False) -> None:
        self.port, self.authority_port = free_port(), free_port()
        self.authority = Authority()
        self._loop = asyncio.new_event_loop()
        app: ASGIApp = but_for_calls(self.app(lenient), self.authority) if lenient else self.app(lenient)
        self._servers = [self._serving(app, self.port), self._serving(self.authority_app(), self.authority_port)]
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.authority_port}"

    def app(self, lenient: bool) -> Starlette:
        server = MCPServer(
            "numbers",
            log_level="CRITICAL",
            token_verifier=self.authority,
            auth=AuthSettings(
                issuer_url=AnyHttpUrl(self.issuer),
                resource_server_url=AnyHttpUrl(self.url),
                required_scopes=[SCOPE],
                validate_token_resource=not lenient,
            ),
        )

        @server.tool()
        def add(a: int, b: int) -> int:
            """The sum."""
            return a + b

        @server.tool(annotations=ToolAnnotations(destructive_hint=True))
        def erase() -> str:
            """Gone is gone."""
            return "erased"

        return server.streamable_http_app()

    def authority_app(self) -> Starlette:
        registration = ClientRegistrationOptions(enabled=True, valid_scopes=[SCOPE], default_scopes=[SCOPE])
        issuer = AnyHttpUrl(self.issuer)
        return Starlette(
            routes=create_auth_routes(self.authority, issuer, None, registration, RevocationOptions(enabled=True))
        )

    def _serving(self, app: ASGIApp, port: int) -> uvicorn.Server:
        return uvicorn.Server(
            uvicorn.Config(app, port=port, log_level="critical", ws="none", timeout_graceful_shutdown=1)
        )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.gather(*(server._serve() for server in self._servers)))

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: all(server.started for server in self._servers), "the MCP server and its authority serve", 30)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.should_exit = True
        self._thread.join(10)
        self._loop.close()


def but_for_calls(app: ASGIApp, authority: Authority) -> ASGIApp:
    """Whoever has no token of their own is anybody, and is refused calls of tools."""

    async def letting_in(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or any(name == b"authorization" for name, _ in scope["headers"]):
            await app(scope, receive, send)
            return
        body, first = b"", await receive()
        while first["type"] == "http.request":
            body += first.get("body", b"")
            if not first.get("more_body"):
                break
            first = await receive()
        said: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return said.pop() if said else await receive()

        if authority.is_over and scope["path"] != "/mcp":
            scope = {**scope, "path": "/nothing-is-here"}
        if authority.is_over or not body or json.loads(body).get("method") != "tools/call":
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", f"Bearer {ANYBODY}".encode())]}
        await app(scope, again, send)

    return letting_in
