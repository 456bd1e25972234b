"""Single tools are switched off for one chat, in the panel of the model's."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect

from tests.harness.authorized_mcp import AuthorizedMcp
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.page.conftest import WAIT_MS, Troubles, answer, assert_accessible, say, until_so, words

PHONE = ViewportSize(width=360, height=640)


@pytest.fixture
def api(site: Site) -> Iterator[httpx.Client]:
    """Of who is on the server's machine."""
    with httpx.Client(base_url=site.url, trust_env=False) as api:
        yield api


@pytest.fixture
def page(browser: Browser, troubles: Troubles) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    yield troubles.watch(context.new_page())
    context.close()


def test_tools_are_switched_off_before_a_chat_is_there_and_in_it(
    page: Page, site: Site, api: httpx.Client, provider: Provider
) -> None:
    page.goto(site.url)
    title = open_picker(page)
    expect(title).to_have_text("Tools")
    title.press("Enter")
    edit, clock = box(page, "edit_file"), box(page, "current_time")
    expect(edit).to_be_checked()
    edit.press("Space")
    expect(title).to_have_text("Tools · 1 tool off")
    page.keyboard.press("Escape")
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    name = page.url.partition("#/")[2]
    assert off(api, name) == ["edit_file"]
    assert "edit_file" not in offered(provider) and "current_time" in offered(provider)

    open_picker(page)
    expect(edit).not_to_be_checked()
    switch(page, clock, False)
    expect(clock).to_be_focused()
    expect(title).to_have_text("Tools · 2 tools off")
    assert_accessible(page)
    panel = page.get_by_role("dialog", name="Choose the model").bounding_box()
    assert panel and panel["x"] >= 0 and panel["y"] >= 0 and panel["x"] + panel["width"] <= PHONE["width"]
    switch(page, edit, True)
    assert off(api, name) == ["current_time"]

    # By another client; what the page does not know, such as a tool of a server, can be switched on again.
    api.patch(f"/api/sessions/{name}", json={"disabled_tools": ["fetch_pages"]}).raise_for_status()
    expect(title).to_have_text("Tools · 1 tool off")
    expect(clock).to_be_checked()
    switch(page, box(page, "fetch_pages"), True)
    expect(title).to_have_text("Tools")
    assert off(api, name) == []


def test_what_is_switched_faster_than_the_server_answers_is_all_switched(
    page: Page, site: Site, api: httpx.Client
) -> None:
    name = api.post("/api/sessions", json={}).raise_for_status().json()["session_id"]
    page.goto(f"{site.url}/#/{name}")
    open_picker(page).press("Enter")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if route.request.method != "PATCH" or held:
            route.continue_()
        else:
            held.append(route)

    page.route(f"**/api/sessions/{name}", hold_the_first)
    wanted = ["edit_file", "current_time"]
    for one in wanted:
        box(page, one).set_checked(False, force=True)
    expect(page.locator(".tools > summary")).to_have_text("Tools · 2 tools off")
    until_so(page, lambda: bool(held), "the first is held")
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        held[0].continue_()
    until_so(page, lambda: bool(off(api, name) == wanted), "both are off")
    expect(page.locator(".tools > summary")).to_have_text("Tools · 2 tools off")


def test_a_chat_offers_the_tools_that_its_agent_has_and_a_new_one_all(
    page: Page, site: Site, api: httpx.Client
) -> None:
    agent = {"name": f"reader {uuid4().hex[:6]}", "tools": ["read_file", "list_directory"]}
    made = api.post("/api/agents", json=agent).raise_for_status().json()
    body = {"agent_name": agent["name"], "disabled_tools": ["read_file", "edit_file"]}
    name = api.post("/api/sessions", json=body).raise_for_status().json()["session_id"]
    page.goto(f"{site.url}/#/{name}")
    title = open_picker(page)
    expect(title).to_have_text("Tools · 1 tool off")
    title.press("Enter")
    expect(boxes(page)).to_have_count(2)
    switch(page, box(page, "list_directory"), False)
    assert off(api, name) == ["read_file", "edit_file", "list_directory"]
    page.keyboard.press("Escape")
    page.goto(f"{site.url}/#/")
    expect(page.locator("#welcome")).to_be_visible()
    open_picker(page)
    expect(box(page, "edit_file")).to_be_checked()
    expect(title).to_have_text("Tools")
    api.delete(f"/api/agents/{made['id']}")


def test_single_tools_of_a_chats_servers_are_switched_off(
    page: Page, site: Site, api: httpx.Client, provider: Provider
) -> None:
    with AuthorizedMcp(lenient=True) as numbers:
        body = {"name": f"numbers-{uuid4().hex[:6]}", "url": numbers.url, "in_new_chats": False}
        server = api.post("/api/mcp-servers", json=body).raise_for_status().json()
        api.post(f"/api/mcp-servers/{server['id']}/connect").raise_for_status()
        name = api.post("/api/sessions", json={"mcp_config": [server["key"]]}).raise_for_status().json()["session_id"]
        page.goto(f"{site.url}/#/{name}")
        title = open_picker(page)
        title.press("Enter")
        group = page.get_by_role("group", name=f"Tools of {server['key']}", exact=True)
        expect(group.get_by_role("checkbox")).to_have_count(2)
        add = group.get_by_role("checkbox", name=re.compile("add$"))
        tool = add.get_attribute("value")
        assert tool is not None
        expect(group.get_by_title("The sum.")).to_be_visible()
        switch(page, add, False)
        expect(title).to_have_text("Tools · 1 tool off")
        expect(box(page, tool)).to_have_count(1)
        assert_accessible(page)
        assert off(api, name) == [tool]
        page.keyboard.press("Escape")
        say(page, "say 2 words")
        expect(answer(page)).to_have_text(words(2))
        erase = tool.replace("add", "erase")
        assert tool not in offered(provider) and erase in offered(provider)

        # Its tools go and come with the server, and stay as they were.
        open_picker(page)
        chosen = box(page, server["key"])
        switch(page, chosen, False)
        expect(group).to_be_hidden()
        switch(page, chosen, True)
        expect(add).not_to_be_checked()
        expect(box(page, erase)).to_be_checked()
    api.delete(f"/api/mcp-servers/{server['id']}").raise_for_status()


def open_picker(page: Page) -> Locator:
    """What unfolds the tools."""
    page.get_by_role("button", name=re.compile("Model: ")).click()
    return page.locator(".tools > summary")


def boxes(page: Page) -> Locator:
    return page.get_by_role("group", name="Tools", exact=True).get_by_role("checkbox")


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=name, exact=True)


def switch(page: Page, one: Locator, is_on: bool) -> None:
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        one.set_checked(is_on, force=True)


def off(api: httpx.Client, session: str) -> Any:
    return api.get(f"/api/sessions/{session}").raise_for_status().json()["session"]["disabled_tools"]


def offered(provider: Provider) -> list[str]:
    """By the last request that has tools; a title is asked for without."""
    body = next(one.body for one in reversed(provider.requests) if one.body.get("tools"))
    return [one.get("function", one)["name"] for one in body["tools"]]
