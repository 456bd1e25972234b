"""How a person writes: what Enter does, and what becomes of messages that wait."""

from playwright.sync_api import Page, expect

from tests.page.conftest import answer, message_field, say, words


def test_enter_does_what_the_person_has_set(page: Page) -> None:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").click()
    page.get_by_label("Enter sends the message").uncheck()
    page.keyboard.press("Escape")
    message_field(page).fill("say 2 words")
    message_field(page).press("Enter")
    expect(message_field(page)).to_have_value("say 2 words\n")
    message_field(page).press("Control+Enter")
    expect(answer(page)).to_have_text(words(2))


def test_a_message_that_waits_is_edited_taken_away_or_answered_now(page: Page) -> None:
    say(page, "say 40 words; gate never after 6")
    expect(answer(page)).to_have_text(words(6))
    for text in ("say 3 words", "say 4 words", "say 5 words"):
        say(page, text)
    waiting = page.locator(".waits")
    expect(waiting).to_have_count(3)
    waiting.nth(1).hover()
    waiting.nth(1).get_by_role("button", name="Delete message").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(waiting).to_have_count(2)
    waiting.nth(0).hover()
    waiting.nth(0).get_by_role("button", name="Edit message").click()
    page.get_by_role("textbox", name="Edit message").fill("say 7 words")
    page.get_by_role("button", name="Send", exact=True).first.click()
    expect(page.locator(".toast").filter(has_text="Its turn comes after the answer")).to_be_visible()
    page.get_by_role("button", name="Answer now").filter(visible=True).click()
    expect(page.get_by_role("article", name="Answer").first).to_contain_text("Stopped")
    expect(page.locator(".message.user .plain").filter(has_text="say 7 words")).to_be_visible()
    expect(page.locator(".message.assistant .markdown").filter(has_text=words(7))).to_be_visible()
