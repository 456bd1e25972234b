"""Requests to the server: repeated while it cannot be reached, with credentials that are renewed in time."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import httpx

from chatjuicer_client.errors import BUSY, ChatJuicerError
from chatjuicer_client.retry import BackOff
from chatjuicer_client.stores import Tokens, TokenStore
from chatjuicer_client.texts import sendable

RENEW_BEFORE_S = 120
JSON_BODY = {"Content-Type": "application/json"}


async def answer_to(
    http: httpx.AsyncClient, request: Callable[[], httpx.Request], back_off: BackOff, *, stream: bool = False
) -> httpx.Response:
    """The answer, whatever it is, unless the server is busy or away for longer than our patience lasts.

    `request` makes the request anew for each attempt.
    """
    while True:
        try:
            response = await http.send(request(), stream=stream)
            if not response.is_success:
                await response.aread()
        except httpx.RequestError as error:  # or what was answered cannot be unpacked
            await back_off.wait(ChatJuicerError.unreachable(error))
            continue
        if response.status_code not in BUSY:
            return response
        refusal = ChatJuicerError.of(response)
        await back_off.wait(refusal, refusal.retry_after or 0.0)


class Credentials:
    """An API key, or the tokens of a sign-in, or neither, for a server on this machine that asks for none."""

    def __init__(self, http: httpx.AsyncClient, store: TokenStore, api_key: str | None, patience_s: float) -> None:
        self._http, self._store, self._patience_s = http, store, patience_s
        self._api_key = api_key
        self._renewing = asyncio.Lock()

    async def sign_in(self, email: str, password: str, totp: str | None = None) -> dict[str, Any]:
        """The user. Raises `totp_required` where the account asks for a one-time password as well."""
        body = {"email": email, "password": password} | ({"totp": totp} if totp else {})
        response = await self._post("/api/auth/login", body, self._patience_s)
        if not response.is_success:
            raise ChatJuicerError.of(response)
        return self._keep(response).user

    async def sign_out(self) -> None:
        """The tokens are forgotten here also if the server cannot be told."""
        tokens = self._store.load()
        self._store.save(None)
        if tokens is not None:
            await self._post("/api/auth/logout", {"refresh_token": tokens.refresh_token}, self._patience_s)

    async def token(self) -> str | None:
        """What to send as `Authorization: Bearer`; renewed before it expires."""
        if self._api_key:
            return self._api_key
        tokens = self._store.load()
        if tokens is None:
            return None
        left_s = tokens.expires_at - time.time()
        if left_s > RENEW_BEFORE_S:
            return tokens.access_token
        if left_s <= 0:
            await self.renew(tokens.access_token)
        else:
            await self._renew_early(tokens.access_token)
        renewed = self._store.load()
        return renewed.access_token if renewed else None

    async def _renew_early(self, stale: str) -> None:
        """If that fails, the token that there is will do, and it is tried again at the next use."""
        try:
            await self.renew(stale, patience_s=0)
        except ChatJuicerError as error:
            if error.status == 401:
                raise

    async def renew(self, stale: str | None, patience_s: float | None = None) -> bool:
        """Sees to it that there is another access token than `stale`; False where there is nothing to get one by.

        One at a time here. Where another program has renewed the shared tokens, its are taken; if both ask the server
        at the same moment it gives both the same, newest pair, since they come from the same place.
        """
        async with self._renewing:
            tokens = None if self._api_key else self._store.load()
            if tokens is None:
                return False
            if tokens.access_token != stale and tokens.expires_at > time.time():
                return True
            patience_s = self._patience_s if patience_s is None else patience_s
            response = await self._post("/api/auth/refresh", {"refresh_token": tokens.refresh_token}, patience_s)
            if response.is_success:
                self._keep(response)
                return True
            if response.status_code == 401 and self._store.load() == tokens:
                self._store.save(None)
            raise ChatJuicerError.of(response)

    def _keep(self, response: httpx.Response) -> Tokens:
        grant = json_of(response)
        try:
            tokens = Tokens(
                access_token=grant["access_token"],
                refresh_token=grant["refresh_token"],
                expires_at=time.time() + grant["expires_in"],
                user=grant["user"],
            )
        except (KeyError, TypeError):
            raise ChatJuicerError.bad_answer() from None
        self._store.save(tokens)
        return tokens

    async def _post(self, path: str, body: dict[str, Any], patience_s: float) -> httpx.Response:
        return await answer_to(
            self._http,
            lambda: self._http.build_request("POST", path, content=encoded(body), headers=JSON_BODY),
            BackOff(patience_s),
        )


class Rest:
    """JSON over HTTP. Every request may be repeated: a POST carries an `Idempotency-Key` of its own."""

    def __init__(self, http: httpx.AsyncClient, credentials: Credentials, patience_s: float) -> None:
        self.http, self.credentials, self.patience_s = http, credentials, patience_s

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON. `options`: `json`, `params` (those that are None are left out), `files`, `timeout`,
        `headers`."""
        response = await self._send(method, path, stream=False, **options)
        return json_of(response) if response.content else {}

    @asynccontextmanager
    async def stream(self, method: str, path: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """The answer before its body was read."""
        response = await self._send(method, path, stream=True, **options)
        try:
            yield response
        finally:
            with suppress(httpx.TransportError):
                await response.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        stream: bool,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        **options: Any,
    ) -> httpx.Response:
        params = {name: _text(value) for name, value in (params or {}).items() if value is not None}
        fixed = {**(headers or {}), **({"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {})}
        if json is not None:
            fixed |= JSON_BODY
            options["content"] = encoded(json)
        back_off = BackOff(self.patience_s)
        renewed = False
        while True:
            token = await self.credentials.token()
            own = fixed | ({"Authorization": f"Bearer {token}"} if token else {})
            response = await answer_to(
                self.http,
                partial(self.http.build_request, method, path, params=params, headers=own, **options),
                back_off,
                stream=stream,
            )
            if response.is_success:
                return response
            if response.status_code == 404 and method == "DELETE" and back_off.failures:
                return response  # an attempt whose answer was lost has deleted it
            if response.status_code == 401 and not renewed and await self.credentials.renew(token):
                renewed = True
                continue
            raise ChatJuicerError.of(response)


def json_of(response: httpx.Response) -> Any:
    """Raises `bad_answer`."""
    try:
        return response.json()
    except ValueError:
        raise ChatJuicerError.bad_answer() from None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else sendable(str(value))


def encoded(body: Any) -> bytes:
    return sendable(json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)).encode()
