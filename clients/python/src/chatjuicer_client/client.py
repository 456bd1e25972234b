"""One account at one server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from chatjuicer_client import transfer
from chatjuicer_client.agent import USER_AGENT
from chatjuicer_client.events import AccountEvent, Resync, parse_account
from chatjuicer_client.log import Log
from chatjuicer_client.rest import Credentials, Rest
from chatjuicer_client.session import PAGE, AsyncSession
from chatjuicer_client.shapes import JSON, Found, ImportReport, SessionInfo
from chatjuicer_client.stores import MemoryStore, TokenStore
from chatjuicer_client.transfer import WITHOUT_END, Progress
from chatjuicer_client.unsent import UnsentMessages

LOCAL = "http://127.0.0.1:8000"


def new_session_id() -> str:
    """Made here, so that a session that is asked for twice is made once."""
    return f"chat_{secrets.token_hex(16)}"


MAX_PORT = 65535


class AsyncClient:
    """`async with AsyncClient(url) as client`. Every method raises ChatJuicerError.

    With an `api_key`, or after `sign_in`, or, at a server on this machine that asks for none, without credentials.
    `store` keeps the tokens of a sign-in beyond the program, `unsent` what was said and not accepted. The server may
    be away for `patience_s` seconds before anything fails with `unreachable`. `trust_env`: proxies are taken from the
    environment.
    """

    def __init__(
        self,
        url: str = LOCAL,
        *,
        api_key: str | None = None,
        store: TokenStore | None = None,
        unsent: UnsentMessages | None = None,
        patience_s: float = 60,
        trust_env: bool = True,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("the server's address begins with http:// or https://")
        require_address(url)
        self.url = url.rstrip("/")
        self.unsent = unsent
        self._patience_s, self._trust_env = patience_s, trust_env
        self._connected: set[Log] = set()
        http = httpx.AsyncClient(base_url=self.url, headers={"User-Agent": USER_AGENT}, timeout=30, trust_env=trust_env)
        self.credentials = Credentials(http, store or MemoryStore(), api_key, patience_s)
        self.rest = Rest(http, self.credentials, patience_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Connections of exchanges and logs that were left are closed, too."""
        for log in list(self._connected):
            await log.close()
        await self.rest.http.aclose()

    # -- who one is

    async def sign_in(self, email: str, password: str, totp: str | None = None) -> JSON:
        """The user. The code of the error is `totp_required` where a one-time password is asked for, too."""
        return await self.credentials.sign_in(email, password, totp)

    async def sign_out(self) -> None:
        await self.credentials.sign_out()

    async def me(self) -> JSON:
        me: JSON = await self.rest.call("GET", "/api/auth/me")
        return me

    async def config(self) -> JSON:
        """The models that there are, and the server's version."""
        config: JSON = await self.rest.call("GET", "/api/config")
        return config

    # -- sessions

    def session(self, session_id: str) -> AsyncSession:
        """The one of that name, without asking the server for it."""
        return AsyncSession(self, session_id)

    async def create_session(self, session_id: str | None = None, **fields: Any) -> AsyncSession:
        """`fields`: `title`, `model`, `reasoning_effort`, `mcp_config`, `disabled_tools`, `agent_name`,
        `metadata`. One of that name that there is already is given as it is."""
        body = {"session_id": session_id or new_session_id(), **fields}
        return self._with(await self.rest.call("POST", "/api/sessions", json=body))

    async def sessions(
        self, search: str | None = None, *, archived: bool | None = None, deleted: bool | None = None
    ) -> AsyncIterator[AsyncSession]:
        """All of them, pinned ones first, then the last used; `deleted`: those in the trash. `search` looks in
        titles."""
        wanted = {"search": search, "archived": archived, "deleted": deleted, "limit": PAGE}
        async for raw in self._pages("/api/sessions", "sessions", wanted):
            yield self._with(raw)

    async def search(self, words: str, /, **narrower: Any) -> AsyncIterator[Found]:
        """What was said, the latest first. `narrower`: `session_id`, `role`, `before`, `after` (times), `versions`."""
        async for raw in self._pages("/api/search", "results", {"q": words, **narrower}):
            yield Found.of(raw)

    async def approvals(self) -> list[JSON]:
        """Tool calls that wait for a person's word, in all sessions."""
        waiting: list[JSON] = (await self.rest.call("GET", "/api/approvals"))["approvals"]
        return waiting

    async def watch(self, after: int | None = None) -> AsyncIterator[AccountEvent | Resync]:
        """What happens to the account's sessions on any device, without end: after that number, or from now on."""
        log = self.log("/ws/account", after)
        try:
            while True:
                if (event := parse_account(await log.receive())) is not None:
                    yield event
        finally:
            await log.close()

    # -- moving out and in

    async def export(self, target: Path, *, progress: Progress | None = None) -> Path:
        """Writes all of the account, files included, as a zip. The server makes it first; then it is whole and checked,
        or not there at all, and goes on where a lost connection left off."""
        path = await transfer.prepare(self.rest, "/api/exports")
        return await transfer.download(self.rest, f"{path}/download", target, {}, progress)

    async def import_(self, source: Path, *, progress: Progress | None = None) -> ImportReport:
        """Takes in such a zip, or an export of ChatGPT, Claude, Open WebUI or LibreChat. To repeat it does no harm.
        When all has been sent, the server reads it, which may take minutes."""
        with source.open("rb") as file:
            files = {"file": (source.name, transfer.Sent(file, progress) if progress else file)}
            return ImportReport.of(await self.rest.call("POST", "/api/import", files=files, timeout=WITHOUT_END))

    # -- below

    def log(self, path: str, after: int | None) -> Log:
        return Log(
            self.url + path,
            self.credentials,
            after=after,
            patience_s=self._patience_s,
            trust_env=self._trust_env,
            connected=self._connected,
        )

    def _with(self, raw: JSON) -> AsyncSession:
        info = SessionInfo.of(raw)
        return AsyncSession(self, info.session_id, info)

    async def _pages(self, path: str, name: str, params: JSON) -> AsyncIterator[JSON]:
        cursor = None
        while True:
            page = await self.rest.call("GET", path, params={**params, "cursor": cursor})
            for raw in page[name]:
                yield raw
            cursor = page["next_cursor"]
            if not cursor:
                return


def require_address(url: str) -> None:
    """Raises ValueError; what httpx raises is none, and of a port that is none it says nothing before it connects."""
    try:
        port = httpx.URL(url).port
    except httpx.InvalidURL as error:
        raise ValueError(f"this is no address of a server: {error}") from None
    if port is not None and port > MAX_PORT:
        raise ValueError("the port of the server's address is none")
