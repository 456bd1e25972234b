"""Many chats: those in sight are there, and what is done with several at once."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect

from tests.harness.histories import forget_sessions, many_sessions
from tests.harness.server import Site
from tests.page.conftest import VIEW, WAIT_MS, Troubles, assert_accessible, first_held, held_requests, message_field

SESSIONS = 400


@pytest.fixture(scope="module")
def chats(site: Site) -> Iterator[None]:
    many_sessions(site, "many", SESSIONS)
    yield
    forget_sessions(site, "many")


@pytest.fixture
def page(browser: Browser, site: Site, chats: None, troubles: Troubles) -> Iterator[Page]:
    context = browser.new_context(viewport=VIEW, service_workers="block")
    context.set_default_timeout(WAIT_MS)
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    expect(row(page, 1)).to_be_visible()
    yield page
    context.close()


def row(page: Page, number: int) -> Locator:
    return page.get_by_role("navigation", name="Chats").get_by_role("link", name=f"Many {number} of them")


def marked(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Marked chats")


def test_only_rows_in_sight_are_there_and_the_keyboard_goes_through_all(page: Page) -> None:
    page.get_by_label("Search chats").press("ArrowDown")
    for number in range(2, 62):
        page.keyboard.press("ArrowDown")
        expect(row(page, number)).to_be_focused()
        expect(row(page, number)).to_be_in_viewport()
    rows = page.locator("#session-list > li")
    assert rows.count() <= 60
    expect(row(page, 1)).to_have_count(0)
    page.keyboard.press("Home")
    expect(row(page, 1)).to_be_focused()
    page.locator("#sidebar .scroll").evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(row(page, 1)).to_be_focused()  # out of sight, and still there


def test_a_search_asks_for_nothing_but_the_chats(page: Page) -> None:
    page.wait_for_load_state("networkidle")  # what the page asks for at its beginning is none of the search
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.get_by_label("Search chats").fill("Many 7 of")
    expect(row(page, 1)).to_have_count(0)
    expect(row(page, 7)).to_be_visible()
    assert asked == ["/api/sessions"]


# As another tab does when its lists have changed.
RENEW = "new BroadcastChannel('chat-juicer.sessions').postMessage('changed')"


def let_come(page: Page, route: Route, answer: APIResponse) -> None:
    """Until it is shown."""
    with page.expect_event("requestfinished"):
        route.fulfill(response=answer)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_list_that_comes_late_takes_back_nothing_that_was_told_meanwhile(page: Page, site: Site) -> None:
    held = held_requests(page, "**/api/sessions?*")
    page.evaluate(RENEW)
    route = first_held(page, held)
    answer = route.fetch()
    address = f"{site.url}/api/sessions/many_"
    httpx.patch(f"{address}2", json={"title": "Told meanwhile"}, trust_env=False).raise_for_status()
    httpx.delete(f"{address}3", trust_env=False).raise_for_status()
    told = page.get_by_role("navigation", name="Chats").get_by_role("link", name="Told meanwhile")
    expect(told).to_be_visible()
    expect(row(page, 3)).to_have_count(0)
    let_come(page, route, answer)
    expect(told).to_be_visible()
    expect(row(page, 3)).to_have_count(0)
    httpx.patch(f"{address}2", json={"title": "Many 2 of them"}, trust_env=False).raise_for_status()
    httpx.post(f"{address}3/restore", trust_env=False).raise_for_status()


def test_projects_that_come_late_take_back_none_that_is_newer(page: Page, site: Site) -> None:
    page.wait_for_load_state("networkidle")
    held = held_requests(page, "**/api/v1/projects?*", times=1)
    page.evaluate(RENEW)
    route = first_held(page, held)
    answer = route.fetch()
    made = httpx.post(f"{site.url}/api/v1/projects", json={"name": "Made meanwhile"}, trust_env=False)
    page.evaluate(RENEW)
    project = page.get_by_role("region", name="Projects").get_by_role("button", name="Made meanwhile").first
    expect(project).to_be_visible()
    let_come(page, route, answer)
    expect(project).to_be_visible()
    httpx.delete(f"{site.url}/api/v1/projects/{made.json()['id']}", trust_env=False).raise_for_status()


def test_several_are_marked_archived_brought_back_and_deleted(page: Page) -> None:
    row(page, 2).click(modifiers=["Control"])
    row(page, 5).click(modifiers=["Shift"])
    expect(marked(page)).to_contain_text("4 marked")
    row(page, 3).click(modifiers=["Control"])
    expect(marked(page)).to_contain_text("3 marked")
    assert page.url.endswith("/")  # none was opened
    assert_accessible(page)

    row(page, 5).press("Escape")
    expect(marked(page)).to_be_hidden()
    row(page, 2).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(marked(page)).to_contain_text("2 marked")
    marked(page).get_by_role("button", name="Archive").click()
    note = page.locator(".toast").filter(has_text="2 chats archived.")
    expect(row(page, 2)).to_have_count(0)
    note.get_by_role("button", name="Undo").click()
    for number in (2, 3):  # one after the other
        expect(row(page, number)).to_be_visible()

    row(page, 2).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Delete")
    expect(row(page, 3)).to_have_count(0)
    page.locator(".toast").filter(has_text="2 chats moved to the trash.").get_by_role("button", name="Undo").click()
    expect(row(page, 3)).to_be_visible()
    row(page, 4).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(marked(page)).to_be_hidden()


def test_chats_go_into_a_project_by_the_keyboard_and_by_a_drag(page: Page) -> None:
    page.get_by_role("button", name="New project").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Travel")
    page.keyboard.press("Enter")
    project = page.get_by_role("region", name="Projects").get_by_role("button", name="Travel", exact=False).first
    expect(project).to_be_visible()

    row(page, 6).focus()
    page.keyboard.press("Space")
    marked(page).get_by_role("button", name="Move to a project").press("Enter")
    page.get_by_role("menuitem", name="Travel").press("Enter")
    expect(page.locator(".toast").filter(has_text="1 chat moved to “Travel”.")).to_be_visible()

    row(page, 7).drag_to(project)
    expect(page.locator(".toast").filter(has_text="1 chat moved to “Travel”.")).to_have_count(2)
    project.click()
    expect(page.get_by_role("navigation", name="Chats").get_by_role("link")).to_have_count(2)
    page.get_by_role("button", name="Show all chats").click()
    page.get_by_role("button", name="Change the project Travel").click()
    page.get_by_role("button", name="Delete the project").click()
    page.get_by_role("dialog", name="Delete the project?").get_by_role("button", name="Delete").click()
    expect(project).to_have_count(0)
