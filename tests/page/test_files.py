"""Files through the page: to the agent, and back."""

import io
import json
import re
import time
import zipfile
from pathlib import Path
from uuid import uuid4

import httpx
from playwright.sync_api import BrowserContext, FilePayload, Locator, Page, Route, expect

from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.page.conftest import (
    Troubles,
    answer,
    assert_accessible,
    first_held,
    held_requests,
    message_field,
    png,
    say,
    until_idle,
)

# A file in the page's own hands, as the system gives it with a paste or a drop.
HAND_OVER = """(target, [kind, name, type, ...texts]) => {
  const data = new DataTransfer();
  for (const text of texts) data.items.add(new File([text], name, { type }));
  const key = kind === "paste" ? "clipboardData" : "dataTransfer";
  const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
  target.dispatchEvent(new Kind(kind, { [key]: data, bubbles: true, cancelable: true }));
}"""


def choose(page: Page, *files: tuple[str, str]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    payloads = [FilePayload(name=name, mimeType="text/plain", buffer=text.encode()) for name, text in files]
    chooser.value.set_files(payloads)


def to_send(page: Page) -> Locator:
    return page.get_by_role("list", name="Files to send").get_by_role("listitem")


def files_of_chat(page: Page) -> Locator:
    page.get_by_role("button", name="Files of this chat").click()
    return page.get_by_role("dialog", name="Files of this chat")


def downloaded(page: Page, button: Locator) -> str:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_text()


def test_files_go_with_a_message_and_can_be_fetched_again(page: Page, provider: Provider) -> None:
    message_field(page).fill("Read this")
    choose(page, ("50% of #1?.txt", "half"), ("mistake.txt", "not this"))
    expect(to_send(page)).to_have_text([re.compile("50% of #1.*4 bytes"), re.compile("mistake.*8 bytes")])
    page.get_by_role("button", name="Remove mistake.txt").press("Enter")
    expect(to_send(page)).to_have_count(1)
    page.reload()
    expect(to_send(page)).to_have_text([re.compile("50% of #1")])
    expect(message_field(page)).to_have_value("Read this")
    message_field(page).press("Enter")
    expect(answer(page)).to_contain_text("You said: Read this")
    expect(to_send(page)).to_have_count(0)
    question = page.get_by_role("article", name="You")
    expect(question).to_have_count(1)
    assert "sources/50% of #1?.txt" in provider.requests[-1].texts[-1][1]
    page.reload()
    assert downloaded(page, question.get_by_role("button", name="Download 50% of #1?.txt")) == "half"
    panel = files_of_chat(page)
    expect(panel.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Files of this chat")).to_be_focused()


def test_a_message_may_be_nothing_but_files(page: Page) -> None:
    choose(page, ("alone.txt", "x"))
    expect(to_send(page)).to_contain_text(["1 byte"])
    expect(message_field(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("sources/alone.txt")
    expect(page.get_by_role("article", name="You")).to_have_text(re.compile("^alone.txt"))


def test_files_are_pasted_and_dropped_and_keep_apart(page: Page) -> None:
    field = message_field(page)
    field.evaluate(HAND_OVER, ["paste", "image.png", "image/png", "one"])
    expect(to_send(page)).to_have_text([re.compile(r"^pasted 20.*\.png")])
    page.locator("body").evaluate(HAND_OVER, ["dragenter", "notes.txt", "text/plain", "two"])
    expect(page.get_by_text("Drop the files to attach them")).to_be_visible()
    page.locator("body").evaluate(HAND_OVER, ["drop", "notes.txt", "text/plain", "two", "three"])
    expect(page.get_by_text("Drop the files to attach them")).to_be_hidden()
    expect(to_send(page)).to_have_text([re.compile("pasted"), re.compile("notes.txt"), re.compile(r"notes \(2\).txt")])
    address = page.url
    expect(page.get_by_role("navigation", name="Chats").locator("[aria-current]")).to_have_count(0)  # nothing was said
    page.get_by_role("button", name="New chat", exact=True).click()
    expect(page).to_have_url(address)
    expect(to_send(page)).to_have_count(3)
    panel = files_of_chat(page)
    expect(panel.get_by_role("listitem")).to_have_count(3)
    assert downloaded(page, panel.get_by_role("button", name="Download notes.txt")) == "two"
    panel.get_by_role("button", name="Delete notes.txt").press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(to_send(page)).to_have_count(2)


def test_a_phone_takes_pictures_and_they_are_seen_before_they_go(
    phone: BrowserContext, site: Site, troubles: Troubles
) -> None:
    page = troubles.watch(phone.new_page())
    page.goto(site.url)
    for count in (1, 2):
        page.get_by_role("button", name="Attach files").tap()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("menuitem", name="Take a picture").tap()
        assert chooser.value.element.get_attribute("capture") == "environment"
        taken = FilePayload(name="image.png", mimeType="image/png", buffer=png(40, bytes([200, 90, 80 * count])))
        chooser.value.set_files([taken])  # a camera calls all of them the same
        expect(to_send(page)).to_have_count(count)
    expect(to_send(page).locator("img")).to_have_count(2)
    page.get_by_role("button", name="Attach files").tap()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Choose files").tap()
    assert chooser.value.is_multiple()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send", exact=True).tap()
    expect(page.get_by_role("article", name="You").locator("img")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_upload_that_fails_says_why_and_can_be_tried_again(page: Page) -> None:
    broken: list[Route] = []

    def break_once(route: Route) -> None:
        if broken:
            route.continue_()
        else:
            broken.append(route)
            route.abort()

    page.route("**/files/upload*", break_once)
    choose(page, ("report.txt", "again"))
    expect(to_send(page)).to_contain_text(["cannot be reached"])
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.get_by_role("button", name="Upload report.txt again").press("Enter")
    expect(to_send(page)).to_contain_text(["5 bytes"])
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()


def test_an_upload_shows_how_far_it_is_and_the_message_waits_for_it(page: Page) -> None:
    held = held_requests(page, "**/files/upload*")
    choose(page, ("slow.txt", "slow"))
    expect(page.get_by_role("progressbar", name="Uploading slow.txt")).to_be_visible()
    expect(page.get_by_text("Uploading 1 file…")).to_be_visible()
    message_field(page).fill("Read")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sent once the file is uploaded…")).to_be_visible()
    message_field(page).press_sequentially(" it")  # so it is not finished yet
    expect(page.get_by_text("Uploading 1 file…")).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Sent once the file is uploaded…")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)
    first_held(page, held).continue_()
    expect(answer(page)).to_contain_text("slow.txt")
    expect(page.get_by_role("article", name="You")).to_contain_text("Read it")
    expect(message_field(page)).to_have_value("")


def test_a_file_that_failed_before_holds_no_message_back(page: Page) -> None:
    page.route("**/files/upload*", lambda route: route.abort(), times=1)
    choose(page, ("lost.txt", "lost"))
    expect(to_send(page)).to_contain_text(["cannot be reached"])
    held = held_requests(page, "**/files/upload*")
    choose(page, ("slow.txt", "slow"))
    expect(page.get_by_role("progressbar", name="Uploading slow.txt")).to_be_visible()
    message_field(page).fill("Read it")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sent once the file is uploaded…")).to_be_visible()
    first_held(page, held).continue_()
    expect(answer(page)).to_contain_text("slow.txt")
    expect(to_send(page)).to_contain_text(["lost.txt"])


def test_a_message_whose_file_does_not_come_is_not_sent_without_it(page: Page) -> None:
    held = held_requests(page, "**/files/upload*")
    choose(page, ("slow.txt", "slow"))
    expect(page.get_by_role("progressbar", name="Uploading slow.txt")).to_be_visible()
    message_field(page).fill("Read it")
    page.keyboard.press("Enter")
    first_held(page, held).abort()
    expect(to_send(page)).to_contain_text(["cannot be reached"])
    expect(message_field(page)).to_have_value("Read it")
    expect(page.get_by_text("Sent once")).to_be_hidden()
    expect(page.get_by_role("article")).to_have_count(0)


def test_what_the_agent_made_is_there_to_take(page: Page) -> None:
    say(page, 'tool generate_document {"content": "# Result", "filename": "deep/result.md"}')
    made = page.get_by_role("button", name="Download result.md")
    assert downloaded(page, made) == "# Result"
    until_idle(page)
    page.reload()
    expect(made).to_be_visible()
    panel = files_of_chat(page)
    panel.get_by_role("button", name="Open deep").press("Enter")
    expect(panel.get_by_role("heading", name="Made by the agent: deep")).to_be_visible()
    expect(panel.get_by_role("button", name="Download result.md")).to_be_visible()
    for _ in range(2):  # past the name, which shows it
        page.keyboard.press("Tab")
    with page.expect_download():
        page.keyboard.press("Enter")
    panel.get_by_role("button", name="Back").press("Enter")
    expect(panel.get_by_role("button", name="Open deep")).to_be_visible()


NOTEBOOK = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": ["# Sums\n", "of *few*"]},
        {
            "cell_type": "code",
            "source": "print(6 * 7)",
            "outputs": [
                {"output_type": "stream", "text": ["42\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "'```'", "image/png": "AAAA"}},
                {
                    "output_type": "error",
                    "ename": "NameError",
                    "evalue": "x",
                    "traceback": ["\x1b[31mNameError\x1b[0m: x"],
                },
            ],
        },
    ],
}


def test_data_and_documents_are_shown_as_what_they_are(page: Page) -> None:
    choose(
        page,
        ("prices.csv", 'name,price\npen,2\n"desk, large",300\n'),
        ("deep.json", '{"of": {"deep": [1, 2]}, "name": "<b>"}'),
        ("notes.md", "# Plan\n\n- *go*\n\n<script>alert(1)</script>\n"),
        ("sums.ipynb", json.dumps(NOTEBOOK)),
        ("broken.json", '{"of":'),
    )
    expect(to_send(page)).to_have_count(5)
    expect(page.get_by_role("button", name=re.compile("^Remove "))).to_have_count(5)
    panel = files_of_chat(page)

    def shown(name: str) -> Locator:
        panel.get_by_role("button", name=f"Show {name}").click()
        return page.get_by_role("dialog", name=name)

    preview = shown("prices.csv")
    expect(preview.get_by_role("cell")).to_have_text(["pen", "2", "desk, large", "300"])
    assert_accessible(page)
    source = preview.get_by_role("button", name="Source")
    expect(source).to_have_attribute("aria-pressed", "false")
    source.click()
    expect(source).to_have_attribute("aria-pressed", "true")
    expect(preview.get_by_text('"desk, large",300')).to_be_visible()
    expect(preview.get_by_role("table")).to_have_count(0)
    source.click()
    expect(preview.get_by_role("table")).to_be_visible()
    page.keyboard.press("Escape")

    preview = shown("deep.json")
    preview.locator("summary").filter(has_text="deep").click()
    expect(preview.locator(".tree .number")).to_have_text(["1", "2"])
    assert_accessible(page)
    page.keyboard.press("Escape")

    preview = shown("notes.md")
    expect(preview.get_by_role("heading", name="Plan")).to_be_visible()
    expect(preview.get_by_role("listitem")).to_have_text(["go"])
    expect(preview.locator(".markdown")).to_contain_text("<script>alert(1)</script>")
    preview.get_by_role("button", name="Source").click()
    expect(preview.get_by_text("# Plan")).to_be_visible()
    page.keyboard.press("Escape")

    preview = shown("sums.ipynb")
    expect(preview.get_by_role("heading", name="Sums")).to_be_visible()
    expect(preview.locator("pre")).to_have_text(["print(6 * 7)", "42", "'```'", "NameError: x"])
    assert_accessible(page)
    page.keyboard.press("Escape")

    preview = shown("broken.json")
    expect(preview.get_by_text('{"of":')).to_be_visible()
    expect(preview.get_by_role("button", name="Source")).to_be_hidden()


def test_a_picture_that_an_answer_came_with_is_seen(page: Page, site: Site) -> None:
    """As in conversations that were taken in from elsewhere."""
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_made"}
    made = {
        "author": {"role": "tool", "name": "dalle.text2im"},
        "create_time": time.time(),  # among the newest in the list
        "content": {"content_type": "multimodal_text", "parts": [pointer]},
    }
    conversation = {"title": "Made elsewhere", "conversation_id": uuid4().hex, "mapping": {"a": {"message": made}}}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("conversations.json", json.dumps([conversation]))
        zipped.writestr("file_made-100% oak.png", png(8, b"\x10\x80\x20"))
    taken = httpx.post(f"{site.url}/api/import", files={"file": ("export.zip", archive.getvalue())}, trust_env=False)
    assert taken.json() == {"imported": 1, "skipped": 0, "failed": []}
    page.get_by_role("link", name="Made elsewhere").click()
    picture = answer(page).get_by_role("list", name="Made").get_by_role("button", name="Show file_made-100% oak.png")
    expect(picture.locator("img")).to_have_js_property("complete", True)
