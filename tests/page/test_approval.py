"""A tool call that waits for a person's word, in the page."""

import re

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.page.conftest import Troubles, answer, message_field, say, until_idle

ASKED = "search_files"  # as the site's TOOLS_REQUIRE_APPROVAL names it


def asking(*patterns: str) -> str:
    """A message that makes the model call the tool, once for each pattern, all in one turn."""
    calls = [f'tool {ASKED} {{"pattern": "{pattern}", "base_path": "."}}' for pattern in patterns]
    return "; ".join([*calls, "together"])


def cards(page: Page) -> Locator:
    return page.get_by_role("region", name=f"May the agent run {ASKED}?")


def test_a_call_is_approved_by_keyboard_and_runs(page: Page) -> None:
    say(page, asking("wanted*"))
    expect(cards(page)).to_contain_text('"pattern": "wanted*"')
    expect(page.get_by_text("Waiting for your decision")).to_be_visible()
    expect(page.locator("details.tool")).to_contain_text("waits for you")
    expect(message_field(page)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(cards(page).get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("details.tool")).to_contain_text("done")
    expect(cards(page)).to_have_count(0)
    expect(message_field(page)).to_be_focused()
    expect(answer(page)).to_have_text("All right.")
    until_idle(page)


def test_after_a_reload_it_still_waits_and_a_refusal_reaches_the_agent(page: Page) -> None:
    say(page, asking("refused*"))
    expect(cards(page)).to_have_count(1)
    page.reload()
    expect(cards(page)).to_have_count(1)
    cards(page).get_by_label("Reason").fill("Look elsewhere.")
    page.keyboard.press("Escape")
    expect(message_field(page)).to_be_focused()
    expect(cards(page)).to_have_count(1)
    cards(page).get_by_role("button", name="Reject").click()
    expect(cards(page)).to_have_count(0)
    until_idle(page)
    expect(page.locator("details.tool")).to_contain_text("failed")
    page.locator("details.tool summary").click()
    expect(page.locator("details.tool")).to_contain_text("Look elsewhere.")


def test_answered_in_another_window_the_card_follows(page: Page, context: BrowserContext, troubles: Troubles) -> None:
    say(page, asking("one*", "two*"))
    expect(cards(page)).to_have_count(2)
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    expect(cards(other)).to_have_count(2)
    cards(other).first.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("Approved. Waiting for the rest…")).to_be_visible()
    expect(cards(page)).to_have_count(2)
    cards(other).last.get_by_role("button", name="Approve").click()
    for window in (page, other):
        expect(cards(window)).to_have_count(0)
        expect(window.locator("details.tool").get_by_text("done")).to_have_count(2)
        expect(answer(window)).to_have_text("All right.")


def test_always_is_not_asked_again_in_this_chat_but_in_another(page: Page) -> None:
    say(page, asking("first*"))
    cards(page).get_by_label(f"Do not ask again about {ASKED} in this chat").check()
    cards(page).get_by_role("button", name="Approve").click()
    until_idle(page)
    say(page, asking("second*"))
    expect(page.locator("details.tool").get_by_text("done")).to_have_count(2)
    until_idle(page)
    page.get_by_role("button", name="New chat", exact=True).click()
    say(page, asking("third*"))
    expect(cards(page)).to_have_count(1)


def test_stop_works_while_it_waits_and_takes_the_card_along(page: Page) -> None:
    say(page, asking("stopped*"))
    expect(cards(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(cards(page)).to_have_count(0)
    until_idle(page)
    expect(page.locator("details.tool")).to_contain_text("stopped")
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(re.compile("word1 word2"))
