"""A server that is away for longer than a sign-in is good, behind a proxy that says so with a page of its own."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.harness.after_loading import python_path
from tests.harness.gateway import Gateway
from tests.harness.provider import Provider
from tests.harness.server import PASSWORD, Site
from tests.harness.services import until
from tests.page.conftest import (
    ENVIRONMENT,
    Troubles,
    answer,
    comes_in,
    message_field,
    registered,
    say,
    until_idle,
    words,
)
from tests.page.planted.short_tokens import LIFE_S

PROXIES_PAGES = ("Failed to load resource", "WebSocket connection to", "Failed to decode")


@pytest.fixture(scope="module")
def forgetful(provider: Provider) -> Iterator[Site]:
    """Its access tokens are good for seconds."""
    path = python_path(Path(__file__).parent / "planted")
    with Site("sqlite", provider.url, 1, **ENVIRONMENT, PYTHONPATH=path) as site:
        yield site


@pytest.fixture
def gateway(forgetful: Site) -> Iterator[Gateway]:
    with Gateway(forgetful.servers[0].port) as gateway:
        yield gateway
    if forgetful.servers[0].process is None:
        forgetful.servers[0].restart()


@pytest.fixture
def troubles(troubles: Troubles) -> Troubles:
    for part in PROXIES_PAGES:
        troubles.forgive(part)
    return troubles


@pytest.fixture
def name(forgetful: Site) -> str:
    name = f"p{uuid4().hex[:8]}@example.org"
    registered(forgetful, name)
    return name


@pytest.fixture
def page(forgetful: Site, gateway: Gateway, stranger: BrowserContext, troubles: Troubles, name: str) -> Page:
    """Signed in, with a chat of one answer."""
    page = troubles.watch(stranger.new_page())
    page.goto(gateway.url)
    sign_in(page, name)
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    until_idle(page)
    return page


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("E-mail").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(message_field(page)).to_be_focused()


def until_expired() -> None:
    end = time.monotonic() + LIFE_S + 1
    until(lambda: time.monotonic() > end, "access tokens have expired")


def end_sign_ins(site: Site, name: str) -> None:
    """As if a week had gone by; the server is away."""
    with closing(sqlite3.connect(Path(site.environment["DATA_DIR"]) / "app.db")) as database, database:
        changed = database.execute(
            "UPDATE accounts_tokenfamily SET expires_at = '2020-01-01 00:00:00' "
            "WHERE user_id = (SELECT id FROM accounts_user WHERE email = ?)",
            [name],
        )
        assert changed.rowcount


def asked_to_sign_in(page: Page) -> None:
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)


def bearer(site: Site, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {comes_in(site, name).raise_for_status().json()['access_token']}"}


def said(site: Site, name: str, session: str) -> list[str]:
    answer = httpx.get(f"{site.url}/api/sessions/{session}", headers=bearer(site, name), trust_env=False)
    return [message["content"] for message in answer.raise_for_status().json()["messages"]]


@pytest.mark.parametrize("status", [502, 404])
def test_after_an_outage_in_which_the_token_expired_all_goes_on(
    page: Page, forgetful: Site, gateway: Gateway, status: int
) -> None:
    gateway.away = status
    other = page.context.new_page()
    other.goto(page.url)
    expect(answer(other)).to_have_text(words(2))
    forgetful.servers[0].kill()
    for tab, count in ((page, 3), (other, 4)):
        expect(tab.get_by_text("Reconnecting…")).to_be_visible()
        say(tab, f"say {count} words")
        expect(tab.get_by_text("Sending…")).to_be_visible()
    until_expired()
    until(lambda: gateway.answered > 4, "the proxy has answered")
    expect(page.get_by_text("Sending…")).to_be_visible()
    forgetful.servers[0].restart()
    for tab in (page, other):
        expect(tab.get_by_role("article", name="Answer")).to_have_count(3, timeout=60_000)
        expect(tab.get_by_role("article", name="You")).to_have_count(3)
        until_idle(tab)
    for count in (5, 6):  # of two tabs that renew at once, none signs the other out
        until_expired()
        for tab in (page, other):
            tab.get_by_role("button", name="Settings and more").click()
            tab.get_by_role("menuitem", name="Trash").click()
        for tab in (page, other):
            expect(tab.get_by_role("dialog", name="Trash").get_by_text("Nothing was deleted.")).to_be_visible()
            tab.keyboard.press("Escape")
        say(other, f"say {count} words")
        expect(answer(page)).to_have_text(words(count))
        until_idle(other)


def test_what_is_unsent_when_the_sign_in_has_ended_is_sent_by_whoever_said_it(
    page: Page, forgetful: Site, name: str
) -> None:
    session = page.url.rpartition("/")[2]
    forgetful.servers[0].kill()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    say(page, "say 3 words")
    expect(page.get_by_text("Sending…")).to_be_visible()
    message_field(page).fill("half a thought")
    page.get_by_role("button", name="New chat", exact=True).click()
    message_field(page).fill("something private")
    end_sign_ins(forgetful, name)
    until_expired()
    forgetful.servers[0].restart()
    asked_to_sign_in(page)

    # Another person, who happens to have a session of the same name, in the same tab.
    other = f"q{uuid4().hex[:8]}@example.org"
    registered(forgetful, other)
    made = httpx.post(
        f"{forgetful.url}/api/sessions",
        json={"session_id": session},
        headers=bearer(forgetful, other),
        trust_env=False,
    )
    made.raise_for_status()
    sign_in(page, other)
    expect(message_field(page)).to_have_value("")
    page.goto(f"{page.url.partition('#')[0]}#/{session}")
    expect(page.get_by_text("Connected")).to_be_visible()
    expect(message_field(page)).to_have_value("")
    say(page, "say 1 words")
    expect(answer(page)).to_have_text(words(1))
    until_idle(page)
    expect(page.get_by_role("article", name="You")).to_have_count(1)
    page.get_by_role("button", name="New chat", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, name)
    expect(message_field(page)).to_have_value("something private")

    # No chat is open, and it is sent nevertheless.
    until(lambda: words(3) in said(forgetful, name, session), "it was sent and answered")
    assert said(forgetful, other, session) == ["say 1 words", words(1)]
    page.goto(f"{page.url.partition('#')[0]}#/{session}")
    expect(page.get_by_role("article", name="You")).to_have_count(2)
    expect(answer(page)).to_have_text(words(3))
    expect(message_field(page)).to_have_value("half a thought")


def test_a_chat_that_was_to_begin_when_the_sign_in_had_ended_begins_afterwards(
    page: Page, forgetful: Site, name: str
) -> None:
    page.get_by_role("button", name="New chat", exact=True).click()
    forgetful.servers[0].kill()
    end_sign_ins(forgetful, name)
    until_expired()
    page.context.set_offline(True)  # so that nothing else meets the end before
    forgetful.servers[0].restart()
    message_field(page).fill("say 3 words")
    page.evaluate("addEventListener('online', () => document.getElementById('composer').requestSubmit(), {once: true})")
    page.context.set_offline(False)
    asked_to_sign_in(page)
    sign_in(page, name)
    expect(answer(page)).to_have_text(words(3))
    expect(page.get_by_role("article", name="You")).to_have_count(1)


def test_an_upload_that_a_proxy_refuses_says_so_in_words_and_is_sent_again(
    page: Page, forgetful: Site, gateway: Gateway
) -> None:
    forgetful.servers[0].kill()
    chosen = FilePayload(name="rye.txt", mimeType="text/plain", buffer=b"Rye takes a day.")
    page.locator("input[type=file]").first.set_input_files(chosen)
    failed = page.get_by_text("The server cannot be reached.")
    expect(failed.first).to_be_visible()
    until_expired()
    forgetful.servers[0].restart()
    page.get_by_role("button", name="Upload rye.txt again").click()
    expect(failed).to_have_count(0)
    expect(page.get_by_text("Connected")).to_be_visible(timeout=60_000)
    say(page, "say 3 words")
    expect(answer(page)).to_contain_text("sources/rye.txt")


def test_who_reloads_meanwhile_is_told_and_let_in_when_it_is_back(page: Page, forgetful: Site) -> None:
    page.reload()  # what is kept here is then whole
    expect(answer(page)).to_have_text(words(2))
    page.route("**/api/**", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad</h1>"))
    page.reload()
    expect(answer(page)).to_have_text(words(2))  # as it is kept here
    say(page, "say 3 words")
    expect(page.get_by_text("Sending…")).to_be_visible()
    until_expired()
    page.unroute("**/api/**")
    expect(answer(page)).to_have_text(words(3), timeout=60_000)
