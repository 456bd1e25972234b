import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.harness.server import EMAIL, PASSWORD, Site

# Without a person's profile, a screen, or anything that talks to the browser's maker.
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        path = path or playwright.chromium.executable_path
        if not os.path.exists(path):
            pytest.fail(
                "Chromium is missing: `apt-get install chromium`, or `playwright install chromium`, "
                "or name a browser in CHROMIUM."
            )
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """A server that wants a login and answers by the demo model."""
    with Site("sqlite", ALLOW_LOCALHOST_NOAUTH="false") as site:
        yield site


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser, of which the tabs share what is stored."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


class Troubles(list[str]):
    """What the browser complained of; a request that was answered 401 or not at all is part of the game."""

    def watch(self, page: Page) -> Page:
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        return page

    @property
    def serious(self) -> list[str]:
        passing = ("401 (Unauthorized)", "net::ERR_", "WebSocket connection to")
        return [text for text in self if not any(part in text for part in passing)]


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    troubles = Troubles()
    yield troubles
    assert troubles.serious == []


@pytest.fixture
def page(site: Site, context: BrowserContext, troubles: Troubles) -> Page:
    """Signed in, by keyboard, with an empty conversation."""
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    return page
