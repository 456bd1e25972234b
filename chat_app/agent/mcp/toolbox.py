"""The tools of the MCP servers that a session has chosen, as tools of the agent."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from agents import FunctionTool, RunContextWrapper, Tool
from django.conf import settings
from mcp.types import CallToolResult
from mcp.types import Tool as Listed

from chat_app.agent.exfiltration import asking_first, exfiltrates
from chat_app.agent.tools import TOOLS
from chat_app.agent.tools.tool import ToolFailure, failed
from chat_app.database import in_database
from chat_app.runs.contract import RunRequest, ToolsRequest
from chatjuicer.accounts.models import Allowance
from chatjuicer.accounts.models.group_allowance import stands_in
from chatjuicer.api.exceptions import Unavailable
from sessions_app.allowed import OWN, configured_server, servers
from sessions_app.models import McpServer

from .own_server import OwnServer, entry_of
from .server import Server

logger = logging.getLogger(__name__)

PATIENCE_S = 2.0  # how long a run waits for servers that are being started
RESUME_PATIENCE_S = 15.0  # a run that goes on after an approval has a call to make
MAX_SCHEMA_BYTES = 16 * 1024  # of one tool
MAX_SCHEMAS_BYTES = 128 * 1024  # of one server
MAX_DESCRIPTION_CHARS = 4_000
MAX_RESULT_CHARS = 256 * 1024
IDLE_S = 600  # after which a server of one session or person is stopped
LOOK_S = 15.0  # how often it is looked which are


@dataclass(slots=True)
class Toolbox:
    """What there is of the servers that were chosen, by their keys."""

    of_servers: dict[str, list[Tool]] = field(default_factory=dict)  # of those that are up
    unavailable: list[str] = field(default_factory=list)
    unauthorized: list[str] = field(default_factory=list)  # those that the person has to authorize us at again

    @property
    def tools(self) -> list[Tool]:
        return [tool for tools in self.of_servers.values() for tool in tools]


Place = tuple[str, UUID | None]  # a key, and the session or the row that it is of, unless it is everybody's

_servers: dict[Place, Server] = {}
_stopping: set[asyncio.Task[None]] = set()
_loop: asyncio.AbstractEventLoop | None = None  # the one that they belong to
_tending: asyncio.Task[None] | None = None  # there is one while there are servers of one session or person


async def toolbox_for(asked: RunRequest | ToolsRequest, allowance: Allowance, patience_s: float) -> Toolbox:
    box = Toolbox()
    chosen = [*servers_for(asked, allowance), *await own_servers_for(asked, allowance, box)]
    if chosen:
        await asyncio.gather(*(server.ready(patience_s) for server in chosen))
    taken = {tool.name for tool in TOOLS}
    for server in chosen:
        # A server that is down keeps its names: an "always allow" must not pass to another server's tool of that name.
        made: list[Tool] = [tool_of(server, listed, name) for listed, name in named(server, taken)]
        if server.is_up:
            box.of_servers[server.key] = made
        elif server.is_unauthorized:
            box.unauthorized.append(server.key)
        else:
            box.unavailable.append(server.key)
    return box


def servers_for(asked: RunRequest | ToolsRequest, allowance: Allowance) -> list[Server]:
    """Those that may be used, in the order of the settings, so that a tool has the same name in every session."""
    wanted = {configured_server(key) for key in asked.mcp_config}
    return [server(key, asked.session_pk) for key in servers(allowance) if key in wanted]


async def own_servers_for(asked: RunRequest | ToolsRequest, allowance: Allowance, box: Toolbox) -> list[Server]:
    """Of the person's own that were chosen and are connected, by name; the others are noted in the box."""
    keys = [key for key in asked.mcp_config if key.startswith(OWN) and stands_in(allowance.mcp_servers, key)]
    rows = await in_database(McpServer.objects.chosen, asked.user_id, keys) if keys else []
    connected = []
    for row in rows:
        if row.status == McpServer.Status.CONNECTED:
            connected.append(own_server(row))
        elif row.status == McpServer.Status.NEEDS_AUTHORIZATION:
            box.unauthorized.append(row.key)
        else:
            box.unavailable.append(row.key)
    return connected


def server(key: str, session_pk: UUID | None = None) -> Server:
    """The process's server of that key, or the session's own if the entry has `"shared": false`."""
    entry = settings.MCP_SERVERS[key]
    place = (key, session_pk if entry.get("shared") is False else None)
    return kept(place, entry, lambda: Server(key, entry))


def own_server(row: McpServer) -> Server:
    """The process's of that person."""
    return kept((row.key, row.pk), entry_of(row), lambda: OwnServer(row))


def kept(place: Place, entry: dict[str, Any], make: Callable[[], Server]) -> Server:
    """The server in that place; made anew if it is of another entry."""
    global _loop, _tending
    if _loop is not asyncio.get_running_loop():
        _loop, _tending = asyncio.get_running_loop(), None
        _servers.clear()
    if place in _servers and _servers[place].entry != entry:
        stop(place)
    if place not in _servers:
        _servers[place] = make()
    if place[1] is not None and (_tending is None or _tending.done()):
        _tending = _loop.create_task(tend())
    return _servers[place]


async def tend() -> None:
    """Stops servers of one session or person that are idle, and those of people that were deleted or connected anew, by
    whichever process; ends when none is left."""
    while any(owner is not None for _, owner in _servers):
        await asyncio.sleep(LOOK_S)
        private = {place: one for place, one in _servers.items() if place[1] is not None}
        outdated = await outdated_in(private)
        since = time.monotonic() - IDLE_S
        for place, one in private.items():
            if (place in outdated or one.used_at < since) and _servers.get(place) is one:
                stop(place)


async def outdated_in(private: Mapping[Place, Server]) -> set[Place]:
    """The places whose row has changed; none while the database does not answer."""
    own = [(place, pk, private[place]) for place in private if (pk := place[1]) and place[0].startswith(OWN)]
    try:
        now = await in_database(McpServer.objects.connections, [pk for _, pk, _ in own]) if own else {}
    except Unavailable:
        return set()
    return {place for place, pk, one in own if now.get(pk) != one.entry["connected_at"]}


def stop(place: Place) -> None:
    stopping = asyncio.get_running_loop().create_task(_servers.pop(place).stop())
    _stopping.add(stopping)
    stopping.add_done_callback(_stopping.discard)


async def start_shared() -> None:
    """Before a run needs them; one after the other, because each start takes a second of a core."""
    for key, entry in settings.MCP_SERVERS.items():
        if entry.get("shared") is not False:
            await server(key).ready(PATIENCE_S)


async def stop_all() -> None:
    is_theirs = _loop is asyncio.get_running_loop()
    stopping = list(_servers.values()) if is_theirs else []
    if is_theirs and _tending is not None:
        _tending.cancel()
    _servers.clear()
    await asyncio.gather(*(one.stop() for one in stopping))


# -- names and schemas


def named(server: Server, taken: set[str]) -> Iterable[tuple[Listed, str]]:
    """Its tools, each with a unique name, which is added to `taken`. The first tool of a name keeps it."""
    size = 0
    for listed in server.listed:
        schema_bytes = len(orjson.dumps(listed.input_schema, default=str))
        size += schema_bytes
        if schema_bytes > MAX_SCHEMA_BYTES or size > MAX_SCHEMAS_BYTES:
            logger.warning("A tool of MCP server %s is left out: its description is too long", server.key)
            continue
        name = free_name(server.key, server.name_of(listed), taken)
        taken.add(name)
        yield listed, name


def free_name(key: str, name: str, taken: set[str]) -> str:
    name = _fit(name)
    if name in taken:
        name = _fit(f"{key}_{name}")
    number, base = 2, name
    while name in taken:
        suffix = f"_{number}"
        name, number = base[: 64 - len(suffix)] + suffix, number + 1
    return name


def _fit(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "tool"


# -- one tool


def tool_of(server: Server, listed: Listed, name: str) -> FunctionTool:
    async def invoke(context: RunContextWrapper[Any], arguments: str) -> str:
        try:
            result = await server.call(listed.name, _object(name, arguments))
        except ToolFailure as error:
            return failed(context, error)
        text = text_of(result)
        return failed(context, ToolFailure(text)) if result.is_error else text

    schema = listed.input_schema if isinstance(listed.input_schema, dict) else {}
    return FunctionTool(
        name=name,
        description=(listed.description or listed.title or "")[:MAX_DESCRIPTION_CHARS],
        params_json_schema={**schema, "type": "object", "properties": schema.get("properties") or {}},
        on_invoke_tool=invoke,
        strict_json_schema=False,
        needs_approval=asks(server.entry, listed) or may_leak(server.entry, listed),
    )


def asks(entry: dict[str, Any], listed: Listed) -> bool:
    match entry.get("require_approval"):
        case "never":
            return False
        case "always":
            return True
        case list(names):
            return listed.name in names
    return bool(listed.annotations and listed.annotations.destructive_hint)


def may_leak(entry: dict[str, Any], listed: Listed) -> Any:
    """What decides call by call whether to ask, or False. Where the operator says "never", nobody is asked."""
    if entry.get("require_approval") == "never" or not exfiltrates(entry, listed):
        return False
    schema = listed.input_schema if isinstance(listed.input_schema, dict) else {}
    return asking_first(frozenset(schema.get("properties") or ()))


def _object(name: str, arguments: str) -> dict[str, Any]:
    try:
        given = orjson.loads(arguments or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ToolFailure(f"The arguments of {name} are not a JSON object.")
    return given


def text_of(result: CallToolResult) -> str:
    parts: list[str] = []
    for block in result.content:
        match block.type:
            case "text":
                parts.append(block.text)
            case "image" | "audio":
                parts.append(f"({block.type}, {block.mime_type}, not shown)")
            case "resource" if (text := getattr(block.resource, "text", None)) is not None:
                parts.append(str(text))
            case "resource_link":
                parts.append(f"{block.name}: {block.uri}")
    text = "\n".join(parts)
    if not text and result.structured_content:
        text = orjson.dumps(result.structured_content, default=str).decode()
    text = text.replace("\x00", "")
    if len(text) > MAX_RESULT_CHARS:
        return f"{text[:MAX_RESULT_CHARS]}\n\n[Cut: the first {MAX_RESULT_CHARS} of {len(text)} characters.]"
    return text or "(no output)"
