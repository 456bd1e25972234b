"""All of the account leaves through the page, however often the connection is lost and the page loaded again."""

import asyncio
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.clients.relay import Relay
from tests.harness.server import PASSWORD, Site
from tests.page.conftest import PROXIED, WAIT_MS, Troubles, message_field

SLOW_BYTES_S = 4_000_000
PIECE_BYTES = 4 * 1024 * 1024  # that the page keeps at a time
NOWHERE = "http://127.0.0.1:9"


class Way:
    """To the server, through a relay that has a thread of its own."""

    def __init__(self, site: Site) -> None:
        self._site_url = site.url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._relay = Relay(site.url)

    @property
    def url(self) -> str:
        return self._relay.url

    def cut(self) -> None:
        """Until it is mended."""
        self._relay.target = NOWHERE
        self._loop.call_soon_threadsafe(self._relay.cut)

    def mend(self) -> None:
        self._relay.target = self._site_url

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._relay.__aenter__(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._relay.__aexit__(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def relay(site: Site) -> Iterator[Way]:
    with Way(site) as way:
        yield way


@pytest.mark.timing(reason="the page is loaded again while a slow network brings the rest")
def test_an_export_goes_on_after_a_lost_connection_and_a_reload(
    browser: Browser, site: Site, relay: Way, troubles: Troubles, tmp_path: Path
) -> None:
    email, contents = f"leaving-{uuid4().hex[:8]}@example.org", os.urandom(24_000_000)
    with httpx.Client(base_url=site.url, trust_env=False, headers=PROXIED, timeout=60) as api:
        grant = api.post("/api/auth/register", json={"email": email, "password": PASSWORD}).raise_for_status().json()
        api.headers["Authorization"] = f"Bearer {grant['access_token']}"
        name = api.post("/api/sessions", json={"title": "Taken along"}).json()["session_id"]
        api.post(f"/api/sessions/{name}/files/upload", files={"file": ("a.bin", contents)}).raise_for_status()
    context = browser.new_context(extra_http_headers=PROXIED, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    page = troubles.watch(context.new_page())
    page.goto(relay.url)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(message_field(page)).to_be_focused()
    ranges: list[int] = []
    page.on("request", lambda request: ranges.extend(first_byte(request.headers.get("range", ""))))
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": SLOW_BYTES_S, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", limits)
    data = settings(page)
    data.get_by_role("button", name="Export everything").click()
    until_got(page, 5)
    relay.cut()
    expect(data.get_by_text("The connection was lost. Trying again…")).to_be_visible()
    expect(data.get_by_role("button", name="Export everything")).to_be_disabled()
    # Slower from now on, so that a crowded machine does not find it complete before the page is there again.
    network.send("Network.emulateNetworkConditions", limits | {"downloadThroughput": SLOW_BYTES_S // 3})
    relay.mend()
    until_got(page, 12)
    network.send("Network.emulateNetworkConditions", limits | {"downloadThroughput": SLOW_BYTES_S // 8})
    held: list[Route] = []
    is_seen = False  # that it goes on, before it is complete
    page.route("**/api/exports/**", lambda route: route.continue_() if is_seen else held.append(route))
    with page.expect_download() as downloading:
        page.reload()
        settings(page)
        expect(page.get_by_role("progressbar", name="Export")).to_be_visible()
        is_seen = True
        for route in held:
            route.continue_()
        network.send("Network.emulateNetworkConditions", limits | {"downloadThroughput": -1})
        page.keyboard.press("Escape")
    expect(page.get_by_text("The export is complete.")).to_be_visible()
    downloading.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as zipped:
        assert zipped.testzip() is None
        assert contents in [zipped.read(entry) for entry in zipped.namelist() if entry.startswith("files/")]
    assert ranges[0] == 0
    lost, reloaded = max(ranges), ranges[-1]
    assert lost >= 5_000_000, "what had come was fetched again"
    assert reloaded >= lost - PIECE_BYTES, "what was kept was fetched again"
    expect(settings(page).get_by_role("button", name="Export everything")).to_be_enabled()
    context.close()


def test_an_export_that_is_given_up_before_it_began_is_none(local: BrowserContext, site: Site) -> None:
    page = local.new_page()
    asked: list[Route] = []

    def unanswered(route: Route) -> None:
        asked.append(route)

    page.route("**/api/exports", unanswered)
    page.goto(site.url)
    data = settings(page)
    data.get_by_role("button", name="Export everything").click()
    data.get_by_role("button", name="Cancel").click()
    expect(data.get_by_role("button", name="Export everything")).to_be_enabled()
    page.reload()
    settings(page)
    assert len(asked) == 1


def first_byte(header: str) -> list[int]:
    return [int(header.removeprefix("bytes=").partition("-")[0])] if header else []


def settings(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").click()
    return page.get_by_role("region", name="Data")


def until_got(page: Page, megabytes: int) -> None:
    """As the dialog tells it: "5.3 MB of 24 MB"."""
    page.wait_for_function(
        "least => parseFloat(document.querySelector('progress + span')?.textContent) >= least"
        " && document.querySelector('progress + span').textContent.includes('MB of')",
        arg=megabytes,
    )
