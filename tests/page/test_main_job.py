"""The main job through the page, in a real browser against a real server."""

import re

import httpx
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.page.conftest import Troubles


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def answer(page: Page) -> Locator:
    return page.get_by_role("article", name="Answer").last


def counted(to: int) -> str:
    """What the demo model answers when it is asked to count."""
    return f"Counting as the offline demo model: {', '.join(map(str, range(1, to + 1)))}."


def until_idle(page: Page) -> None:
    expect(page.get_by_role("button", name="Stop the answer")).to_be_hidden()


def test_the_answer_grows_on_the_screen_and_is_in_the_history(page: Page) -> None:
    page.keyboard.type("count to 60")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("1, 2, 3")
    assert counted(60) not in answer(page).inner_text()
    expect(answer(page)).to_have_text(counted(60))
    until_idle(page)
    chats = page.get_by_role("navigation", name="Chats")
    expect(chats.get_by_role("link").first).to_have_attribute("aria-current", "page")
    address = page.url
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("What can I do for you?")).to_be_visible()
    chats.get_by_role("link").first.click()
    expect(page).to_have_url(address)
    expect(answer(page)).to_have_text(counted(60))


def test_a_reload_in_mid_answer_loses_nothing(page: Page) -> None:
    say(page, "count to 200")
    expect(answer(page)).to_contain_text("20, 21")
    page.reload()
    expect(answer(page)).to_contain_text("20, 21")
    page.reload()
    expect(answer(page)).to_have_text(counted(200))
    until_idle(page)
    expect(page.get_by_role("article")).to_have_count(2)


def test_escape_stops_the_answer_and_keeps_what_was_said(page: Page) -> None:
    say(page, "count to 500")
    expect(answer(page)).to_contain_text("10, 11")
    page.keyboard.press("Escape")
    expect(answer(page).get_by_text("Stopped")).to_be_visible()
    until_idle(page)
    kept = answer(page).inner_text()
    assert "10, 11" in kept and "500" not in kept
    page.reload()
    expect(answer(page)).to_have_text(re.compile("10, 11.*Stopped", re.DOTALL))
    say(page, "count to 3")
    expect(answer(page)).to_contain_text("1, 2, 3.")


def test_two_tabs_show_the_same(page: Page, context: BrowserContext, troubles: Troubles) -> None:
    say(page, "count to 150")
    expect(answer(page)).to_contain_text("5, 6")
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    expect(answer(other)).to_contain_text("5, 6")
    expect(answer(other)).to_have_text(counted(150))
    expect(answer(page)).to_have_text(counted(150))
    until_idle(other)
    say(other, "count to 400")
    expect(page.get_by_role("article", name="You").last).to_have_text(re.compile("count to 400"))
    expect(answer(page)).to_contain_text("5, 6")
    page.get_by_role("button", name="Stop the answer").click()
    expect(answer(other).get_by_text("Stopped")).to_be_visible()
    expect(answer(page)).to_have_text(answer(other).inner_text(), use_inner_text=True)


def test_a_message_sent_meanwhile_waits_for_its_turn(page: Page) -> None:
    say(page, "count to 120")
    expect(answer(page)).to_contain_text("5, 6")
    say(page, "count to 4")
    expect(page.get_by_text("1 message queued")).to_be_visible()
    waiting = page.get_by_text("Queued: answered next").filter(visible=True)
    expect(waiting).to_have_count(1)
    expect(page.get_by_role("article").last).to_contain_text("1, 2, 3, 4.")
    expect(page.get_by_role("article").nth(1)).to_have_text(counted(120))
    expect(waiting).to_have_count(0)


def test_a_message_written_while_the_server_is_away_arrives_once(page: Page, site: Site) -> None:
    say(page, "count to 300")
    expect(answer(page)).to_contain_text("10, 11")
    site.servers[0].kill()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    say(page, "count to 5")
    expect(page.get_by_text("Sending…")).to_be_visible()
    site.servers[0].restart()
    expect(page.get_by_role("article").last).to_contain_text("1, 2, 3, 4, 5.", timeout=60_000)
    expect(page.get_by_role("article", name="You")).to_have_count(2)
    first = page.get_by_role("article", name="Answer").first.inner_text()
    assert "10, 11" in first
    page.reload()
    expect(page.get_by_role("article")).to_have_count(4)
    expect(page.get_by_role("article", name="Answer").first).to_have_text(first.strip(), use_inner_text=True)


def test_what_is_said_cannot_run_in_the_page(page: Page) -> None:
    say(
        page,
        '<img src=x onerror="window.hit=1"> [press](javascript:window.hit=1) ![p](https://example.org/p.png)',
    )
    expect(answer(page)).to_contain_text("You said")
    until_idle(page)
    assert page.evaluate("window.hit") is None
    assert page.locator(".markdown :is(img, script, iframe, [onerror], a[href^=javascript])").count() == 0


def test_a_tool_call_is_a_card_that_opens(page: Page) -> None:
    say(page, "what time is it")
    card = page.locator("details.tool")
    expect(card).to_contain_text("done")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.get_by_text("Result")).to_be_visible()
    until_idle(page)
    page.reload()
    expect(page.locator("details.tool")).to_contain_text("done")


def test_chats_are_renamed_pinned_found_and_deleted_by_keyboard(page: Page) -> None:
    say(page, "count to 2")
    expect(answer(page)).to_contain_text("1, 2.")
    until_idle(page)
    page.keyboard.press("Control+k")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("F2")
    page.keyboard.type("Zebra crossing")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Zebra crossing")).to_be_visible()
    row = page.get_by_role("link", name="Zebra crossing")
    expect(row).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
    page.get_by_label("Search chats").fill("zebra")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(1)
    page.get_by_label("Search chats").press("ArrowDown")
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row).to_be_visible()
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row).to_be_hidden()
    expect(page.get_by_text("What can I do for you?")).to_be_visible()


def test_signing_out_ends_every_tab(page: Page, context: BrowserContext, troubles: Troubles) -> None:
    say(page, "count to 2")
    expect(answer(page)).to_contain_text("1, 2.")
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    expect(answer(other)).to_contain_text("1, 2.")
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Invalid credentials")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("1, 2.")
    expect(answer(other)).to_contain_text("1, 2.")


def test_a_sign_out_on_another_machine_ends_the_page(page: Page, site: Site) -> None:
    say(page, "count to 2")
    expect(answer(page)).to_contain_text("1, 2.")
    refresh = page.evaluate("localStorage.getItem('chat-juicer.refresh')")
    httpx.post(f"{site.url}/api/auth/logout", json={"refresh_token": refresh}, trust_env=False).raise_for_status()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_refused_access_token_is_renewed_unseen(page: Page) -> None:
    say(page, "count to 2")
    expect(answer(page)).to_contain_text("1, 2.")
    spoilt = []

    def spoil(route: Route) -> None:
        response = route.fetch()
        grant = response.json()
        if len(spoilt) < 1:
            grant["access_token"] += "x"
        spoilt.append(grant)
        route.fulfill(response=response, json=grant)

    page.route("**/api/auth/refresh", spoil)
    page.reload()
    expect(page.get_by_text("Connected")).to_be_visible()
    say(page, "count to 3")
    expect(answer(page)).to_contain_text("1, 2, 3.")
    assert len(spoilt) > 1


def test_thoughts_survive_a_reload_and_a_broken_answer_says_so(context: BrowserContext, troubles: Troubles) -> None:
    with Provider() as provider, Site("sqlite", provider.url, ALLOW_LOCALHOST_NOAUTH="true") as site:
        page = troubles.watch(context.new_page())
        page.goto(site.url)
        say(page, "reasoning 6; say 40 words; pace 10; reset after 30 words")
        thoughts = page.locator("details.reasoning")
        expect(thoughts).to_contain_text("Thoughts")
        expect(answer(page)).to_contain_text("word5")
        thought = thoughts.locator(".plain").text_content()
        assert thought
        page.reload()
        expect(thoughts.locator(".plain")).to_have_text(thought)
        expect(answer(page)).to_contain_text("word5")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(answer(page)).to_contain_text("Not finished")
        assert "word30" in answer(page).inner_text()
        until_idle(page)
        say(page, "say 3 words")
        expect(answer(page)).to_have_text("word1 word2 word3")


def test_a_server_that_needs_no_login_shows_none(context: BrowserContext, troubles: Troubles) -> None:
    with Site("sqlite", ALLOW_LOCALHOST_NOAUTH="true") as site:
        page = troubles.watch(context.new_page())
        page.goto(site.url)
        expect(page.get_by_label("Message", exact=True)).to_be_focused()
        expect(page.get_by_role("heading", name="Sign in")).to_be_hidden()
        say(page, "count to 30")
        expect(answer(page)).to_have_text(counted(30))
        page.set_viewport_size({"width": 390, "height": 780})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Chats").click()
        expect(page.get_by_label("Search chats")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Chats")).to_be_focused()
