"""What is around the conversation: settings, the trash, and a chat that is shared."""

import re

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.page.conftest import Troubles, answer, assert_accessible, say, until_idle, words


def test_settings_hold_the_looks_the_devices_and_keys(page: Page, troubles: Troubles) -> None:
    troubles.forgive("403 (Forbidden)")  # of a wrong password
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").press("Enter")
    settings = page.get_by_role("dialog", name="Settings")
    expect(settings.get_by_text("this one")).to_be_visible()
    assert_accessible(page)
    settings.get_by_label("Dark").check(force=True)
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    settings.get_by_label("Name of the key").fill("for a script")
    settings.get_by_role("button", name="Make a key").click()
    expect(settings.get_by_label("The new key")).to_have_value(re.compile("^cj_"))
    settings.get_by_role("button", name="Delete the key for a script").click()
    expect(settings.get_by_text("for a script")).to_have_count(0)
    settings.get_by_label("Current password").fill("wrong wrong")
    settings.get_by_label("New password").fill("a better horse battery")
    settings.get_by_role("button", name="Change").click()
    expect(settings.locator(".form-said.problem")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").press("Enter")
    with page.expect_response("**/api/auth/me"):  # others use the account, too
        settings.get_by_label("System", exact=True).check(force=True)


def test_a_chat_is_shared_taken_back_deleted_and_restored(
    page: Page, site: Site, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("404 (Not Found)")  # while nothing is shared
    grant = httpx.post(
        f"{site.url}/api/auth/login", json={"email": EMAIL, "password": PASSWORD}, trust_env=False
    ).json()
    headers, budget = {"Authorization": f"Bearer {grant['access_token']}"}, {"email": EMAIL, "daily_tokens": 10**9}
    httpx.post(f"{site.url}/api/budgets", json=budget, headers=headers, trust_env=False).raise_for_status()
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    address = page.url
    page.get_by_role("button", name="More about this chat").click()
    page.get_by_role("menuitem", name="What the model is given").click()
    expect(
        page.get_by_role("dialog", name="What the model is given").get_by_text("say 3 words", exact=True)
    ).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Usage").click()
    usage = page.get_by_role("dialog", name="Usage of the last 30 days")
    expect(usage.get_by_role("row", name="Total")).to_be_visible()
    expect(usage.get_by_role("region", name="Left for today")).to_contain_text(
        re.compile(r"999,\d{3},\d{3} of 1,000,000,000")
    )
    usage.get_by_label("By chat").check(force=True)
    expect(usage.get_by_role("rowheader", name="Say 3 words").first).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More about this chat").click()
    page.get_by_role("menuitem", name="Share this chat").click()
    sharing = page.get_by_role("dialog", name="Share this chat")
    sharing.get_by_role("button", name="Make the address").click()
    shared = sharing.get_by_label("Address").input_value()
    assert_accessible(page)
    reader = stranger.new_page()
    reader.goto(shared)
    expect(reader.get_by_text(words(3))).to_be_visible()
    own = page.context.new_page()
    own.goto(shared)
    own.get_by_role("link", name="Continue as my own copy").click()
    own.get_by_role("dialog", name="Continue as my own copy").get_by_role("button", name="Make the copy").click()
    expect(answer(own)).to_have_text(words(3))
    assert own.url not in (address, shared)
    copy = f"{site.url}/api/sessions/{own.url.partition('#/')[2]}"
    httpx.patch(copy, json={"title": "A copy"}, headers=headers, trust_env=False).raise_for_status()
    httpx.post(f"{copy}/share", headers=headers, trust_env=False).raise_for_status()
    own.close()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Settings and more").click()
    page.route("**/api/shares?*", lambda route: route.continue_(url=route.request.url.replace("limit=100", "limit=1")))
    page.get_by_role("menuitem", name="Shared chats").click()
    shares = page.get_by_role("dialog", name="Shared chats")
    expect(shares.get_by_role("link")).to_have_text(["A copy"])
    shares.get_by_role("button", name="Show more").click()
    expect(shares.get_by_role("link")).to_have_text(["A copy", "Say 3 words"])
    expect(shares.get_by_role("link", name="Say 3 words")).to_be_focused()
    expect(shares.get_by_role("link", name="Say 3 words")).to_have_attribute("href", shared)
    assert_accessible(page)
    shares.get_by_role("button", name="Take back Say 3 words").click()
    expect(shares.get_by_role("link", name="Say 3 words")).to_have_count(0)
    gone = reader.reload()
    assert gone and gone.status == 404
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More about this chat").click()
    page.get_by_role("menuitem", name="Share this chat").click()
    sharing.get_by_role("button", name="Make the address").click()
    reader.goto(sharing.get_by_label("Address").input_value())
    sharing.get_by_role("button", name="Take it back").click()
    expect(sharing.get_by_role("button", name="Make the address")).to_be_visible()
    gone = reader.reload()
    assert gone and gone.status == 404
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete this chat").click()
    expect(page.get_by_text("What can I do for you?")).to_be_visible()
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Trash").click()
    trash = page.get_by_role("dialog", name="Trash")
    restore = trash.get_by_role("button", name="Restore Say 3 words")  # what is pinned stands above it
    expect(restore.first).to_be_visible()
    expect(trash.get_by_text("Gone in 30 days").first).to_be_visible()
    left = restore.count() - 1
    restore.first.click()
    expect(restore).to_have_count(left)
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.goto(address)
    expect(answer(page)).to_have_text(words(3))


def test_that_there_is_nothing_is_no_success(page: Page) -> None:
    empty: dict[str, object] = {"sessions": [], "next_cursor": None, "shares": [], "has_more": False}
    for path in ("**/api/sessions?*deleted=true*", "**/api/shares?*"):
        page.route(path, lambda route: route.fulfill(json=empty))
    for name, nothing in (("Shared chats", "Nothing is shared."), ("Trash", "Nothing was deleted.")):
        page.get_by_role("button", name="Settings and more").click()
        page.get_by_role("menuitem", name=name).click()
        told = page.get_by_role("dialog", name=name).get_by_role("status")
        expect(told).to_have_text(nothing)
        faint = told.evaluate("node => getComputedStyle(node.ownerDocument.querySelector('.faint')).color")
        expect(told).to_have_css("color", faint)
        page.keyboard.press("Escape")


def test_without_a_trash_a_question_comes_before_what_cannot_be_taken_back(
    local: BrowserContext, provider: Provider
) -> None:
    with Site("sqlite", provider.url, 1, ALLOW_LOCALHOST_NOAUTH="true", TRASH_DAYS="0") as site:
        page = local.new_page()
        page.goto(site.url)
        say(page, "say 3 words")
        until_idle(page)
        page.get_by_role("button", name="Settings and more").click()
        expect(page.get_by_role("menuitem", name="Usage")).to_be_visible()
        expect(page.get_by_role("menuitem", name="Trash")).to_have_count(0)
        page.keyboard.press("Escape")
        delete = page.get_by_role("button", name="Delete this chat")
        question = page.get_by_role("dialog", name="Delete this chat?")
        delete.click()
        expect(question).to_contain_text("gone for good")
        assert_accessible(page)
        question.get_by_role("button", name="Cancel").click()
        expect(answer(page)).to_have_text(words(3))
        delete.click()
        question.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("What can I do for you?")).to_be_visible()
        expect(page.locator(".toast")).to_have_count(0)
        assert httpx.get(f"{site.url}/api/sessions", trust_env=False).json()["sessions"] == []
