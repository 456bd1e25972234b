import json
import zlib
from collections.abc import Callable, Iterator
from struct import pack

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, ViewportSize, expect, sync_playwright

from tests.harness.chromium import QUIET, chromium_path
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.services import until

WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = chromium_path(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def provider(the_provider: Provider) -> Provider:
    return the_provider


ENVIRONMENT = {
    "ALLOW_LOCALHOST_NOAUTH": "true",
    "ALLOW_REGISTRATION": "true",
    "MCP_NETWORKS": "127.0.0.1",
    "TOOLS_REQUIRE_APPROVAL": "search_files",
    "OIDC_PROVIDERS": json.dumps({"example": {"issuer": "https://id.example", "client_id": "a", "client_secret": "b"}}),
}


@pytest.fixture(scope="package")
def site(provider: Provider) -> Iterator[Site]:
    """One server for all: whoever comes to it through a proxy has to sign in, who is on its machine need not."""
    with Site("sqlite", provider.url, 1, **ENVIRONMENT) as site:
        yield site


VIEW = ViewportSize(width=1280, height=800)
PROXIED = {"X-Forwarded-For": "203.0.113.7"}
# Once per browser: later the page has a newer token, or none. (A context made with a storage state takes longer.)
SIGNED_IN = """if (!localStorage.getItem("tests.begun")) {
  localStorage.setItem("tests.begun", "yes");
  localStorage.setItem("chat-juicer.refresh", %s);
}"""


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """One person's browser, of which the tabs share what is stored. Somebody has signed in there before."""
    context = browser.new_context(viewport=VIEW, extra_http_headers=PROXIED, service_workers="block")
    context.add_init_script(SIGNED_IN % json.dumps(refresh_token(site, EMAIL)))
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used."""
    context = browser.new_context(viewport=VIEW, extra_http_headers=PROXIED, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def local(browser: Browser) -> Iterator[BrowserContext]:
    """A browser on the server's own machine."""
    context = browser.new_context(viewport=VIEW, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone that the server takes for its own machine."""
    size = ViewportSize(width=390, height=780)
    context = browser.new_context(viewport=size, has_touch=True, is_mobile=True, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


class Troubles(list[str]):
    """What the browser complained of; a request that was answered 401 or not at all is part of the game, as is what a
    test forgives."""

    def __init__(self) -> None:
        super().__init__()
        self.forgiven: list[str] = ["401 (Unauthorized)", "net::ERR_", "WebSocket connection to", "Service Worker"]
        self.forgive("directive 'webrtc'")  # a word of the sandbox's policy that this browser does not know

    def forgive(self, part: str) -> None:
        """That the server said so is what the test is about."""
        self.forgiven.append(part)

    def watch(self, page: Page) -> Page:
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        return page

    @property
    def serious(self) -> list[str]:
        return [text for text in self if not any(part in text for part in self.forgiven)]


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    troubles = Troubles()
    yield troubles
    assert troubles.serious == []


@pytest.fixture
def page(site: Site, context: BrowserContext, troubles: Troubles) -> Page:
    """Signed in, with an empty conversation."""
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    return page


# What the tests do and look at.


def comes_in(site: Site, email: str, by: str = "login") -> httpx.Response:
    """By signing in; or by "register", as a new account."""
    given = {"email": email, "password": PASSWORD}
    return httpx.post(f"{site.url}/api/auth/{by}", json=given, trust_env=False)


def refresh_token(site: Site, email: str, by: str = "login") -> str:
    return str(comes_in(site, email, by).raise_for_status().json()["refresh_token"])


def registered(site: Site, email: str) -> str:
    """Their refresh token."""
    return refresh_token(site, email, by="register")


def may_sign_in(site: Site, email: str) -> bool:
    return comes_in(site, email).status_code == 200


def message_field(page: Page) -> Locator:
    return page.get_by_label("Message", exact=True)


def say(page: Page, text: str) -> None:
    """`text` may be a script for the provider, see tests/harness/provider/script.py."""
    message_field(page).fill(text)
    page.keyboard.press("Enter")


def answer(page: Page) -> Locator:
    return page.get_by_role("article", name="Answer").last


def words(to: int) -> str:
    """What the provider answers to "say N words"."""
    return " ".join(f"word{n}" for n in range(1, to + 1))


def held_requests(page: Page, pattern: str, times: int | None = None) -> list[Route]:
    """Requests of that address, as they come, the first `times` of them, which wait until somebody lets them go."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(pattern, hold, times=times)
    return held


def first_held(page: Page, held: list[Route]) -> Route:
    """Taken from them, once it is held: what the page shows may come before the request is told."""
    until_so(page, lambda: bool(held), "a request is held")
    return held.pop(0)


def until_so(page: Page, condition: Callable[[], bool], what: str) -> None:
    """As `until`, which waits without the page: here its requests are told, and let through, meanwhile."""

    def is_so() -> bool:
        page.wait_for_timeout(20)
        return condition()

    until(is_so, what)


def until_idle(page: Page) -> None:
    expect(page.get_by_role("button", name="Stop the answer")).to_be_hidden()


def png(side: int, colour: bytes) -> bytes:
    """A picture of one colour, of so many pixels on each side."""
    rows = b"".join(b"\0" + colour * side for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# To send along what is as it should be takes longer than to find it.
VIOLATIONS = "options => axe.run(options).then(({ violations }) => ({ violations }))"


def assert_accessible(page: Page) -> None:
    """In both themes, by the rules of WCAG and the good practice that axe knows; in the dark by those about colours.

    No frame is asked: they are sandboxed, and there is no axe in them that could answer.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for theme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast", "link-in-text-block"]})):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found = AxeResults(page.evaluate(VIOLATIONS, {"resultTypes": ["violations"], "iframes": False, **rules}))
        assert found.violations_count == 0, found.generate_report()
    page.evaluate("delete document.documentElement.dataset.theme")
