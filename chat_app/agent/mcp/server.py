"""One configured MCP server: started when it is first needed, restarted when it died, with bounds on every wait."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any, ClassVar

from agents.mcp import MCPServerManager
from django.conf import settings
from mcp import ClientSession, MCPError
from mcp.types import CONNECTION_CLOSED, CallToolResult, PaginatedRequestParams
from mcp.types import Tool as Listed

from chat_app.agent.tools.tool import ToolFailure

from .jail import program_of
from .transport import HttpServer, StdioServer

logger = logging.getLogger(__name__)

MAX_TOOLS = 64  # of one server
MAX_PAGES = 4  # of its list of them

# The SDK's messages about servers may contain the arguments of tools; our own are logged in their place.
logging.getLogger("openai.agents").setLevel(logging.CRITICAL)
logging.getLogger("mcp").setLevel(logging.CRITICAL)
logging.getLogger("client").setLevel(logging.CRITICAL)


class Server:
    START_S: ClassVar[float] = 30.0
    # What a call waits for a server that has to be started again.
    RESTART_S: ClassVar[float] = 10.0
    PING_S: ClassVar[float] = 2.0
    CLEANUP_S: ClassVar[float] = 3.0
    # After each start that failed, or ended before it did anything.
    PAUSES_S: ClassVar[tuple[float, ...]] = (0.0, 1.0, 5.0, 30.0, 120.0)

    def __init__(self, key: str, entry: dict[str, Any]) -> None:
        self.key, self.entry = key, entry
        self.listed: list[Listed] = []  # as of its last start
        self.used_at = time.monotonic()
        self._sdk: StdioServer | HttpServer | None = None
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._health_check: asyncio.Task[None] | None = None
        self._begun_at = 0.0
        self._failures = 0
        self._not_before = 0.0
        self._is_over = False

    @property
    def is_up(self) -> bool:
        return self._sdk is not None and not self._sdk.ended.is_set()

    @property
    def is_unauthorized(self) -> bool:
        """Whether it refuses us until a person lets us in."""
        return False

    def name_of(self, listed: Listed) -> str:
        """How its tool is called, where no other is called so."""
        return listed.name

    async def ready(self, patience_s: float) -> bool:
        """Whether it is up, started if need be. `patience_s` counts from its start, so that later callers wait less."""
        self.used_at = time.monotonic()
        if self._task is not None and self._sdk is not None and not self.is_up:
            await asyncio.wait({self._task}, timeout=self.CLEANUP_S)  # it has ended, and its task is still cleaning up
        now = time.monotonic()
        if self._sdk is None and self._task is None and now >= self._not_before and not self._is_over:
            self._settled.clear()
            self._begun_at = now
            self._task = asyncio.create_task(self._serve(), name=f"MCP server {self.key}")
        if self._sdk is None and self._task is not None and (left := self._begun_at + patience_s - now) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._settled.wait()
        return self.is_up

    async def _serve(self) -> None:
        try:
            sdk = await self._made()
            # The SDK's manager has the connection opened and closed by one task, which is this one.
            async with MCPServerManager(
                [sdk], strict=True, connect_timeout_seconds=self.START_S, cleanup_timeout_seconds=self.CLEANUP_S
            ):
                async with asyncio.timeout(self.START_S):
                    self.listed = await first_tools(sdk.session)
                self._sdk = sdk
                self._settled.set()
                await sdk.ended.wait()
                logger.warning("MCP server %s has ended", self.key)
        except Exception as error:
            logger.warning("MCP server %s is not available: %s", self.key, type(error).__name__)
        finally:
            self._sdk, self._task = None, None
            self._not_before = time.monotonic() + self.PAUSES_S[min(self._failures, len(self.PAUSES_S) - 1)]
            self._failures += 1
            self._settled.set()

    async def _made(self) -> StdioServer | HttpServer:
        """Raises KeyError, TypeError or ValueError if the entry is not valid, and OSError."""
        entry = self.entry
        match entry["transport"]:
            case "stdio":
                program = await asyncio.to_thread(program_of, self.key, entry)
                return StdioServer(self.key, program, settings.MCP_CALL_TIMEOUT_S)
            case "streamable_http":
                headers = {name: str(text) for name, text in (entry.get("headers") or {}).items()}
                return HttpServer(self.key, str(entry["url"]), headers, settings.MCP_CALL_TIMEOUT_S)
            case other:
                raise ValueError(other)

    async def call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Raises ToolFailure."""
        if self._health_check is not None:
            await asyncio.wait(
                {self._health_check}
            )  # if the server hangs it is restarted, and a call made before would fail with it
        if not await self.ready(self.RESTART_S) or (sdk := self._sdk) is None:
            raise ToolFailure(f"The server {self.key} is not available at the moment.")
        call = asyncio.create_task(sdk.call_tool(name, arguments))
        gone = asyncio.create_task(sdk.ended.wait())
        try:
            async with asyncio.timeout(settings.MCP_CALL_TIMEOUT_S):
                await asyncio.wait({call, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise ToolFailure(f"The server {self.key} died before it answered.")
            result = await call
        except TimeoutError:
            self._health_check = asyncio.create_task(self._check_health(sdk))
            self._health_check.add_done_callback(lambda task: task.exception())
            raise ToolFailure(f"{self.key} did not answer within {settings.MCP_CALL_TIMEOUT_S:.0f} seconds.") from None
        except MCPError as error:
            if sdk.ended.is_set() or error.error.code == CONNECTION_CLOSED:
                sdk.ended.set()
                raise ToolFailure(f"The server {self.key} died before it answered.") from None
            raise ToolFailure(f"{self.key} refused the call: {error.error.message[:1000]}") from None
        except ToolFailure:
            raise
        except Exception as error:
            logger.warning("A call of MCP server %s failed: %s", self.key, type(error).__name__)
            if isinstance(sdk, HttpServer):
                sdk.ended.set()  # its session may be gone with it
            raise ToolFailure(f"{self.key} could not be asked, or gave an answer that makes no sense.") from None
        finally:
            call.cancel()
            gone.cancel()
        self._failures = 0
        return result

    async def _check_health(self, sdk: StdioServer | HttpServer) -> None:
        """One call may take long; a server that does not even answer a ping hangs, and is started again."""
        try:
            async with asyncio.timeout(self.PING_S):
                if sdk.session is not None:
                    await sdk.session.send_ping()
        except (TimeoutError, MCPError):
            logger.warning("MCP server %s hangs; it is stopped", self.key)
            sdk.ended.set()

    async def stop(self) -> None:
        """For good: a run that still has its tools does not start it again."""
        self._is_over = True
        if (task := self._task) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def first_tools(session: ClientSession | None) -> list[Listed]:
    """What lies past the bounds is not asked for: a server may say for ever that there is another page."""
    assert session is not None
    tools: list[Listed] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor or len(tools) >= MAX_TOOLS:
            break
    return tools[:MAX_TOOLS]
