"""The fence around what the fetch server may reach, at the address that a connection is made to."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from mcp.server.mcpserver.exceptions import ToolError

from chat_app.agent.mcp_servers import fetch as fetching
from chat_app.agent.mcp_servers.fetch import MAX_BODY_BYTES, get, text_of
from chatjuicer.api import fence
from chatjuicer.api.fence import is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254",
        "168.63.129.16", "161.26.0.7",
        "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fe80::1%eth0", "fec0::1",
        "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_what_is_public(address: str) -> None:
    assert is_public(address)


def test_the_machine_s_own_addresses_and_unusual_ports_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the address, as if all of them were public."""
    monkeypatch.setattr(fence, "is_public", lambda address: True)
    assert fence.public_only("192.0.2.1", 443)
    assert not fence.public_only("192.0.2.1", 6379)
    assert not fence.public_only("127.0.0.1", 443)
    assert not fence.public_only("::1", 443)
    monkeypatch.setenv("FETCH_PORTS", "8443")
    assert fence.public_only("192.0.2.1", 8443)
    assert not fence.public_only("192.0.2.1", 443)


@dataclass
class Site:
    """A server that stands for a public one, and a canary beside it that nothing may touch."""

    port: int
    canary: int
    touched: list[str] = field(default_factory=list)

    def may_reach(self, address: str, port: int) -> bool:
        return port == self.port or is_public(address)

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}{path}"


@pytest.fixture(name="site")
async def serving() -> AsyncIterator[Site]:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<h1>Hello</h1><script>x()</script><p>world</p>", content_type="text/html")

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        target = request.query["to"].replace("CANARY", f"127.0.0.1:{site.canary}")
        raise web.HTTPFound(target)

    async def around(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/around")

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65536)

    async def bomb(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(bytes(100 * 1024 * 1024))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"}, content_type="text/plain")

    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        return web.Response()

    async def touch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        site.touched.append("touched")
        writer.close()

    canary = await asyncio.start_server(touch, "127.0.0.1", 0)
    application = web.Application()
    for handler in (page, elsewhere, around, endless, bomb, silent):
        application.router.add_get(f"/{handler.__name__}", handler)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site = Site(runner.addresses[0][1], canary.sockets[0].getsockname()[1])
    yield site
    await runner.cleanup()
    canary.close()
    assert site.touched == []


async def test_a_page_comes_as_markdown(site: Site) -> None:
    page = await get(site.url("/elsewhere?to=/page"), site.may_reach)
    assert page.url == site.url("/page")
    text = text_of(page, raw=False)
    assert "# Hello" in text
    assert "world" in text
    assert "x()" not in text
    assert "<script>" in text_of(page, raw=True)


@pytest.mark.parametrize(
    "target",
    ["http://CANARY/", "//CANARY/", "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433/", "file:///etc/passwd"],
)
async def test_no_redirect_leads_to_what_is_ours(site: Site, target: str) -> None:
    with pytest.raises(ToolError):
        await get(site.url(f"/elsewhere?to={target.format(port=site.canary)}"), site.may_reach)


async def test_a_circle_of_redirects_ends(site: Site) -> None:
    with pytest.raises(ToolError, match="redirects more than"):
        await get(site.url("/around"), site.may_reach)


async def test_a_name_that_resolves_differently_the_second_time_gains_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection is judged by its own address: a public one at first, the canary's when it is asked again."""
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    real: Callable[..., Any] = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        return real(next(answers) if host == "rebinding.example" else host, port, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert is_public(next(answers))
    with pytest.raises(ToolError, match="not a public address"):
        await get(f"http://rebinding.example:{site.canary}/")


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
async def test_a_body_is_bounded(site: Site, path: str) -> None:
    page = await get(site.url(path), site.may_reach)
    assert (len(page.body), page.cut) == (MAX_BODY_BYTES, True)


async def test_a_page_has_its_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIME_LIMIT_S", 0.2)
    monkeypatch.setattr(fetching, "get", lambda url: get(url, site.may_reach))
    with pytest.raises(ToolError, match="longer than"):
        await fetching.fetch(site.url("/silent"))
