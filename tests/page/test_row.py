"""The row under a message, in two windows and on a phone; a summary, and chats, that come back."""

import json
import re
import zipfile
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.page.conftest import (
    Troubles,
    answer,
    assert_accessible,
    first_held,
    held_requests,
    message_field,
    say,
    until_idle,
    words,
)
from tests.page.test_main_job import SMALL

STAMP = re.compile(r"^\s*\d{5,}\s*$")


def press(message: Locator, name: str) -> None:
    """A button of the row under the message. (A window behind another one is drawn once a second.)"""
    message.page.bring_to_front()
    message.hover()
    message.get_by_role("button", name=name).click()


def choose(page: Page, opener: str, item: str) -> None:
    page.get_by_role("button", name=opener).last.click()
    page.get_by_role("menuitem", name=item).click()


def versions(message: Locator) -> Locator:
    return message.get_by_role("group", name="Versions")


def said(page: Page) -> Locator:
    """The words of the last answer, without the row."""
    return answer(page).locator(".markdown")


def question(page: Page) -> Locator:
    return page.get_by_role("article", name="You").last


def test_versions_are_made_rated_deleted_and_the_same_in_two_windows(
    page: Page, context: BrowserContext, troubles: Troubles
) -> None:
    say(page, "stamp 1")
    expect(said(page)).to_have_text(STAMP)
    until_idle(page)
    first = said(page).inner_text().strip()
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    expect(answer(other)).to_contain_text(first)

    press(answer(page), "Another answer")
    page.get_by_role("menuitem", name="Try again").click()
    for window in (page, other):
        expect(versions(answer(window))).to_have_text("2/2")
        expect(answer(window)).not_to_contain_text(first)
    second = said(page).inner_text().strip()
    expect(answer(other)).to_contain_text(second)

    answer(other).get_by_role("button", name="Version before").press("Enter")
    expect(answer(other).get_by_role("button", name="Version after")).to_be_focused()
    for window in (page, other):
        expect(answer(window)).to_contain_text(first)
        expect(versions(answer(window))).to_have_text("1/2")
    other.keyboard.press("Enter")
    expect(answer(page)).to_contain_text(second)

    press(answer(page), "Good answer")
    expect(answer(page).get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    assert_accessible(page)

    press(question(page), "Edit message")
    page.get_by_role("textbox", name="Edit message").fill("say 4 words")
    page.get_by_role("button", name="Send", exact=True).first.click()
    for window in (page, other):
        expect(question(window).locator(".plain")).to_have_text("say 4 words")
        expect(said(window)).to_have_text(words(4))
        expect(versions(question(window))).to_have_text("2/2")
    until_idle(other)
    press(question(other), "Version before")
    expect(answer(page)).to_contain_text(second)
    expect(answer(page).get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")

    press(answer(page), "More about this answer")
    page.get_by_role("menuitem", name="Delete from here").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for window in (page, other):
        expect(answer(window)).to_contain_text(first)
        expect(versions(answer(window))).to_be_hidden()
    press(question(page), "Delete message")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(said(other)).to_have_text(words(4))


def test_on_a_phone_an_answer_goes_on_and_a_summary_and_chats_come_back(
    phone: BrowserContext, site: Site, provider: Provider, troubles: Troubles
) -> None:
    page = troubles.watch(phone.new_page())
    page.goto(site.url)
    message_field(page).fill("say 9 words; gate cut after 5")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(answer(page)).to_contain_text(words(5))
    expect(page.locator("#composer-status")).to_have_text("Answering…")  # of a key that is not there nothing is said
    page.get_by_role("button", name="Stop the answer").click()
    expect(answer(page).get_by_text("Stopped")).to_be_visible()
    provider.open_gate("cut")
    answer(page).get_by_role("button", name="Continue the answer").click()
    expect(answer(page)).to_contain_text(words(9))
    until_idle(page)
    assert said(page).inner_text().strip().startswith(words(5))
    expect(page.get_by_role("article")).to_have_count(2)
    expect(answer(page).get_by_text("Stopped")).to_be_hidden()
    expect(answer(page).get_by_role("button", name="Continue the answer")).to_be_hidden()

    choose(page, "More about this answer", "What it took")
    taken = page.get_by_role("dialog", name="What this answer took")
    expect(taken.get_by_role("listitem")).to_have_count(1)
    for fact in (
        "of which reasoning",
        "Costunknown price",
        "First word",
        re.compile(r"^Duration[\d.]+ s$"),
        "Outcomedone",
    ):
        expect(taken.get_by_role("listitem").locator("dl > div").filter(has_text=fact)).to_be_visible()
    expect(taken.get_by_text("this is what its last part took")).to_be_visible()
    expect(taken.get_by_text("1 call is not in the cost")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More about this answer")).to_be_focused()

    message_field(page).fill("fail 400 1 times; echo at last")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    answer(page).get_by_role("button", name="Another answer").click()
    page.get_by_role("menuitem", name="Try again").click()
    expect(said(page)).to_have_text("at last")
    expect(versions(answer(page))).to_have_text("2/2")
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert_accessible(page)

    choose(page, "More about this chat", "What the model is given")
    given = page.get_by_role("dialog", name="What the model is given")
    given.get_by_role("button", name="Summarize now").click()
    given.get_by_role("button", name="Take the summary back").click()
    note = page.locator(".toast").filter(has_text="The summary was taken back.")
    note.get_by_role("button", name="Dismiss").click()  # nothing is above it
    expect(given.get_by_role("button", name="Take the summary back")).to_have_count(0)
    expect(given.get_by_text("at last", exact=True)).to_be_visible()
    page.keyboard.press("Escape")

    assert "at last" in exported(page, "Markdown").read_text()
    one = exported(page, "JSON")
    assert words(5) in json.dumps(json.loads(one.read_text()))
    page.get_by_role("button", name="Chats").click()
    choose(page, "Settings and more", "Settings")
    settings = page.get_by_role("dialog", name="Settings")
    with page.expect_download() as download:
        settings.get_by_role("button", name="Export everything").click()
    archive = Path(download.value.path())
    assert zipfile.is_zipfile(archive)
    with page.expect_file_chooser() as chooser:
        settings.get_by_role("button", name="Import chats").click()
    chooser.value.set_files(archive)
    report = page.get_by_role("dialog", name="Import chats")
    expect(report.get_by_role("status")).to_have_text(re.compile(r"^0 chats imported, \d+ known already\.$"))
    page.keyboard.press("Escape")
    other = json.loads(one.read_text())
    other["session"]["origin"] = "another"
    file = {"kind": "file", "id": "f", "folder": "sources", "name": "a.txt", "modified_at": "2026-01-01T00:00:00Z"}
    other["files"] = [file]
    newer = [{"title": f"Newer {n}", "format": other["format"], "version": 99} for n in range(120)]
    data = json.dumps([other, *newer]).encode()
    with page.expect_file_chooser() as chooser:
        settings.get_by_role("button", name="Import chats").click()
    chooser.value.set_files({"name": "all.json", "mimeType": "application/json", "buffer": data})
    expect(report.get_by_role("status")).to_have_text("1 chat imported, 120 failed.")
    rows = report.get_by_role("listitem")
    expect(rows).to_have_count(102)
    expect(rows.first).to_have_text(re.compile("^Newer 0.*newer version"))
    expect(rows.nth(100)).to_have_text("And 20 more")
    expect(rows.last).to_have_text("Files that are not in the archive: 1")
    assert_accessible(page)
    page.keyboard.press("Escape")


def exported(page: Page, kind: str) -> Path:
    with page.expect_download() as download:
        choose(page, "More about this chat", f"Export as {kind}")
    return Path(download.value.path())


def test_a_chat_is_shared_up_to_an_answer(page: Page, stranger: BrowserContext, troubles: Troubles) -> None:
    troubles.forgive("404 (Not Found)")  # it is not shared yet
    for asked, told in (("say 3 words", words(3)), ("echo said later", "said later")):
        say(page, asked)
        expect(page.get_by_role("article", name="Answer").filter(has_text=told)).to_be_visible()
        until_idle(page)
    press(page.get_by_role("article", name="Answer").first, "More about this answer")
    page.get_by_role("menuitem", name="Share up to here").click()
    sharing = page.get_by_role("dialog", name="Share up to here")
    expect(sharing).to_contain_text("up to this message")
    sharing.get_by_role("button", name="Make the address").click()
    reader = stranger.new_page()
    reader.goto(sharing.get_by_label("Address").input_value())
    expect(reader.get_by_text(words(3))).to_be_visible()
    expect(reader.get_by_text("said later")).to_have_count(0)
    assert_accessible(page)
    page.keyboard.press("Escape")
    press(answer(page), "More about this answer")
    page.get_by_role("menuitem", name="Share up to here").click()
    with page.expect_response(lambda response: response.request.method == "POST") as shown:
        sharing.get_by_role("button", name="Show it up to this message").click()
    assert shown.value.ok
    reader.reload()
    expect(reader.get_by_text("said later").last).to_be_visible()


def test_what_the_model_is_given_says_that_it_loads(page: Page) -> None:
    say(page, "say 3 words")
    expect(answer(page)).to_contain_text(words(3))
    until_idle(page)
    held = held_requests(page, "**/context")
    choose(page, "More about this chat", "What the model is given")
    given = page.get_by_role("dialog", name="What the model is given")
    expect(given.get_by_role("status")).to_have_text("Loading…")
    first_held(page, held).continue_()
    expect(given.get_by_text(words(3), exact=True)).to_be_visible()
    expect(given.get_by_text("Loading…")).to_have_count(0)


def test_what_is_pinned_is_so_in_each_window_and_is_found_again(
    page: Page, context: BrowserContext, troubles: Troubles
) -> None:
    say(page, "echo a rule to keep")
    expect(answer(page)).to_contain_text("a rule to keep")
    until_idle(page)
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    rule = page.get_by_role("article", name="You").first
    press(rule, "Pin message")
    for window in (page, other):
        pin = window.get_by_role("article", name="You").first.get_by_role("button", name="Pin message")
        expect(pin).to_have_attribute("aria-pressed", "true")
        expect(pin).to_be_visible()
    for number in range(40, 43):
        say(page, words(number))
        expect(answer(page)).to_contain_text(f"word{number}")
        until_idle(page)
    press(answer(page), "Pin message")
    expect(answer(page).get_by_role("button", name="Pin message")).to_have_attribute("aria-pressed", "true")

    choose(page, "More about this chat", "Pinned messages")
    dialog = page.get_by_role("dialog", name="Pinned messages")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    assert_accessible(page)
    dialog.get_by_role("button", name="echo a rule to keep", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(rule).to_be_in_viewport()

    choose(page, "More about this chat", "Pinned messages")
    dialog.get_by_role("button", name="Unpin: echo a rule to keep").click()
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    for window in (page, other):
        pin = window.get_by_role("article", name="You").first.get_by_role("button", name="Pin message")
        expect(pin).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(answer(page).get_by_role("button", name="Pin message")).to_have_attribute("aria-pressed", "true")
