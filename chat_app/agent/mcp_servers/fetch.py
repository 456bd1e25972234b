"""An MCP server with one tool that reads a page of the public internet as Markdown.

python -m chat_app.agent.mcp_servers.fetch
"""

import asyncio
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import aiohttp
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field
from yarl import URL

from chatjuicer.api.fence import Fence, NotPublic, fenced_sockets, public_only
from files_app import extract, kinds

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 5
TIME_LIMIT_S = 30
MAX_CHARS = 100_000  # of one answer
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {
    "User-Agent": "ChatJuicer-fetch/1.0",
    "Accept": "text/html,application/xhtml+xml,text/*,application/json,application/pdf;q=0.9,*/*;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}

server = MCPServer("fetch", log_level="ERROR")


@server.tool(
    title="Fetch",
    annotations=ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
    structured_output=False,
)
async def fetch(
    url: Annotated[str, Field(description="http or https, of a public host.", max_length=4000)],
    max_length: Annotated[int, Field(description="Characters to answer at most.", ge=1, le=MAX_CHARS)] = 10_000,
    start_index: Annotated[int, Field(description="The character to begin with, to read on.", ge=0)] = 0,
    raw: Annotated[bool, Field(description="The body as it is, not as Markdown.")] = False,
) -> str:
    """Read a page or a document of the public internet. HTML, PDF and Office documents come as Markdown."""
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            page = await get(url)
    except TimeoutError:
        raise ToolError(f"{url} took longer than {TIME_LIMIT_S} seconds.") from None
    text = await asyncio.to_thread(text_of, page, raw)
    shown = text[start_index : start_index + max_length]
    if not shown:
        raise ToolError("There is nothing there." if not text else f"The page has only {len(text)} characters.")
    end = start_index + len(shown)
    rest = f"\n\n[Cut: {len(text) - end} characters follow. Read on with start_index={end}.]" if end < len(text) else ""
    cut = "\n\n[The page is longer than can be read.]" if page.cut and not rest else ""
    return f"{page.url}\n\n{shown}{rest}{cut}"


@dataclass(frozen=True, slots=True)
class Page:
    url: str
    content_type: str
    body: bytes
    cut: bool


async def get(url: str, may_reach: Fence = public_only) -> Page:
    """Raises ToolError, whose words may be shown."""
    connector = aiohttp.TCPConnector(
        socket_factory=fenced_sockets(may_reach),
        happy_eyeballs_delay=None,
        use_dns_cache=False,
        force_close=True,
    )
    async with aiohttp.ClientSession(
        connector=connector, headers=HEADERS, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        place = checked(url)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                async with client.get(place, allow_redirects=False) as answer:
                    if answer.status in REDIRECTS and (target := answer.headers.get("Location")):
                        place = checked(target, base=place)
                        continue
                    if answer.status >= 400:
                        raise ToolError(f"{place.host} answered {answer.status} {answer.reason or ''}".strip() + ".")
                    body, cut = await body_of(answer)
                    return Page(str(place), answer.content_type, body, cut)
            except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
                raise ToolError(why(place, error)) from None
    raise ToolError(f"{url} redirects more than {MAX_REDIRECTS} times.")


def checked(url: str, base: URL | None = None) -> URL:
    try:
        place = base.join(URL(url)) if base else URL(url.strip())
        usable = place.scheme in ("http", "https") and bool(place.host)
    except (ValueError, TypeError):
        usable = False
    if not usable:
        raise ToolError("Only addresses that begin with http:// or https:// and name a host can be fetched.")
    return place.with_user(None).with_fragment(None)


def why(place: URL, error: Exception) -> str:
    causes = [error, error.__cause__, error.__context__, getattr(error, "os_error", None)]
    if any(isinstance(cause, NotPublic) for cause in causes):
        return f"{place.host} is not a public address of the internet, and cannot be fetched."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"There is no host {place.host}."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return f"{place.host} could not prove who it is."
    return f"{place.host} could not be read."


async def body_of(answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """At most MAX_BODY_BYTES, counted after they are unpacked, and whether there were more."""
    packed = answer.headers.get("Content-Encoding", "").strip().lower()
    if packed not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise ValueError("an encoding that was not asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed and packed != "identity" else None
    body = bytearray()
    async for piece in answer.content.iter_any():
        room = MAX_BODY_BYTES + 1 - len(body)
        body += unpacker.decompress(piece, room) if unpacker else piece[:room]
        if len(body) > MAX_BODY_BYTES:
            return bytes(body[:MAX_BODY_BYTES]), True
    return bytes(body), False


def text_of(page: Page, raw: bool) -> str:
    """Converted in a process of its own, so that a hostile page can harm no more than that. Raises ToolError."""
    with tempfile.TemporaryDirectory(prefix="page-") as directory:
        place = Path(directory) / f"page{kinds.extension_of(page.content_type)}"
        place.write_bytes(page.body)
        try:
            return extract.text_of(place, "text/plain" if raw else page.content_type).text
        except extract.NoText as error:
            raise ToolError(error.message) from None


if __name__ == "__main__":
    server.run("stdio")
