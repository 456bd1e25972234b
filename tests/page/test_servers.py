"""MCP servers of one's own: added and authorized in the browser, and chosen for a chat beside the operator's."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.harness.authorized_mcp import AuthorizedMcp
from tests.harness.server import PASSWORD, Site
from tests.page.conftest import PROXIED, SIGNED_IN, VIEW, WAIT_MS, Troubles, answer, assert_accessible, say, words

CONFIGURED = ["sequential-thinking", "fetch"]  # as if the operator had them: they are never called


@pytest.fixture
def grant(site: Site) -> dict[str, str]:
    """Of somebody who has an account of their own."""
    body = {"email": f"bob-{uuid4().hex[:8]}@example.org", "password": PASSWORD}
    made = httpx.post(f"{site.url}/api/auth/register", json=body, headers=PROXIED, trust_env=False)
    return dict(made.raise_for_status().json())


@pytest.fixture
def api(site: Site, grant: dict[str, str]) -> Iterator[httpx.Client]:
    headers = PROXIED | {"Authorization": f"Bearer {grant['access_token']}"}
    with httpx.Client(base_url=site.url, trust_env=False, headers=headers) as api:
        yield api


@pytest.fixture
def page(browser: Browser, grant: dict[str, str], troubles: Troubles) -> Iterator[Page]:
    context = browser.new_context(viewport=VIEW, extra_http_headers=PROXIED, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(SIGNED_IN % json.dumps(grant["refresh_token"]))

    def configured(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"mcp_servers": CONFIGURED})

    context.route("**/api/config", configured)
    yield troubles.watch(context.new_page())
    context.close()


def test_a_server_of_ones_own_is_authorized_and_stays_chosen_beside_the_others(
    page: Page, site: Site, api: httpx.Client
) -> None:
    with AuthorizedMcp() as numbers:
        page.goto(site.url)
        dialog = open_servers(page)
        dialog.get_by_role("button", name="Add a server").click()
        form = page.get_by_role("dialog", name="Add a server")
        form.get_by_label("Name").fill("numbers")
        form.get_by_label("Address").fill(numbers.url)
        form.get_by_role("button", name="Add", exact=True).click()
        expect(dialog.get_by_text("numbers is connected.")).to_be_visible()
        assert_accessible(page)
        page.keyboard.press("Escape")

        name = api.post("/api/sessions", json={"mcp_config": ["sequential", "own/numbers", "gone"]}).json()[
            "session_id"
        ]
        page.goto(f"{site.url}/#/{name}")
        offered = open_picker(page)
        expect(offered).to_have_count(3)
        for number, is_chosen in enumerate([True, False, True]):
            expect(offered.nth(number)).to_be_checked(checked=is_chosen)
        choose(page, offered.nth(1), True)
        expect(offered.nth(1)).to_be_focused()
        choose(page, offered.nth(0), False)
        assert chosen(api, name) == ["own/numbers", "gone", "fetch"]
        page.keyboard.press("Escape")

        page.get_by_role("button", name="New chat", exact=True).click()
        offered = open_picker(page)
        expect(offered.nth(2)).to_be_checked()
        offered.nth(1).uncheck(force=True)
        page.keyboard.press("Escape")
        say(page, "say 2 words")
        expect(answer(page)).to_have_text(words(2))
        assert chosen(api, page.url.partition("#/")[2]) == ["sequential-thinking", "own/numbers"]


def test_a_token_is_kept_with_its_address_and_can_be_removed(page: Page, site: Site, api: httpx.Client) -> None:
    headers = [{"name": "Authorization", "value": "Bearer of somebody"}]
    server = {"name": "numbers", "url": "http://127.0.0.1:9/mcp", "headers": headers}
    api.post("/api/mcp-servers", json=server).raise_for_status()
    page.goto(site.url)
    dialog = open_servers(page)
    connect = dialog.get_by_role("button", name="Connect: numbers")
    connect.click()
    expect(dialog.get_by_text("Could not be connected: it did not answer")).to_be_visible()
    expect(connect).to_be_focused()
    change = dialog.get_by_role("button", name="Change numbers")
    change.click()
    form = page.get_by_role("dialog", name="numbers")
    remove, kept = form.get_by_label("Remove the token"), form.get_by_text("There is one; leave it empty to keep it.")
    expect(kept).to_be_visible()
    assert_accessible(page)
    form.get_by_label("Address").fill("http://127.0.0.1:9/other")
    expect(kept).to_be_hidden()
    expect(remove).to_be_hidden()
    form.get_by_label("Address").fill(str(server["url"]))
    remove.check()
    expect(form.get_by_label("Access token")).to_be_disabled()
    form.get_by_role("button", name="Save").click()
    expect(change).to_be_focused()
    (left,) = api.get("/api/mcp-servers").json()["servers"]
    assert left["header_names"] == []
    dialog.get_by_role("button", name="Delete numbers").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog.get_by_role("button", name="Add a server")).to_be_focused()


def open_servers(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="MCP servers").click()
    return page.get_by_role("dialog", name="MCP servers")


def open_picker(page: Page) -> Locator:
    """The boxes of the servers: the operator's, then the person's."""
    page.get_by_role("button", name=re.compile("^Model: ")).click()
    return page.get_by_role("group", name="Tools from servers").get_by_role("checkbox")


def choose(page: Page, box: Locator, is_chosen: bool) -> None:
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        box.set_checked(is_chosen, force=True)


def chosen(api: httpx.Client, session: str) -> Any:
    return api.get(f"/api/sessions/{session}").json()["session"]["mcp_config"]
