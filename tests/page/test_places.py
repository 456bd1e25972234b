"""What an answer points to, and what a message is given: files by "@", citations that open the place, pictures."""

from playwright.sync_api import FilePayload, Page, expect

from tests.files_app.test_passages import pdf
from tests.harness.provider import Provider
from tests.page.conftest import Troubles, answer, assert_accessible, message_field, png, say, until_idle


def attach(page: Page, *files: tuple[str, str, bytes]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([FilePayload(name=name, mimeType=kind, buffer=data) for name, kind, data in files])
    expect(page.get_by_text("Uploading")).to_be_hidden()


def test_files_and_agents_are_named_after_an_at(page: Page, provider: Provider) -> None:
    attach(page, ("whales.txt", "text/plain", b"Blue"), ("two words.txt", "text/plain", b"x"))
    field, options = message_field(page), page.get_by_role("listbox", name="Files and agents").get_by_role("option")
    field.focus()
    page.keyboard.type("Read @wha")
    expect(options).to_have_count(1)
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(field).to_have_value("Read sources/whales.txt ")
    page.keyboard.type("and @two")
    expect(options).to_have_count(1)
    page.keyboard.press("Tab")
    expect(field).to_have_value('Read sources/whales.txt and "sources/two words.txt" ')
    page.keyboard.type("a@b")
    expect(options).to_have_count(0)
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("sources/whales.txt")
    until_idle(page)


def test_a_citation_opens_the_page_that_it_names(page: Page, troubles: Troubles) -> None:
    troubles.forgive("404 (Not Found)")  # what an answer names, and is not there
    attach(page, ("whales.pdf", "application/pdf", pdf("Of fish", "Blue whales sing", "The end")))
    say(page, "echo Blue whales sing [whales.pdf, p. 2] and not `[whales.pdf]` [gone.pdf]")
    cited = answer(page).get_by_role("button", name="Open whales.pdf, p. 2")
    expect(cited).to_be_visible()
    until_idle(page)
    cited.click()
    document = page.get_by_role("dialog", name="whales.pdf")
    expect(document.locator(".cited")).to_have_text("Blue whales sing")
    expect(document.get_by_text("Page 2 of 3")).to_be_visible()
    assert_accessible(page)
    document.get_by_role("button", name="Next page").click()
    expect(document.get_by_text("The end")).to_be_visible()
    with page.expect_download() as download:
        document.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "whales.pdf"
    page.keyboard.press("Escape")
    expect(cited).to_be_focused()
    answer(page).get_by_role("button", name="Open gone.pdf").click()
    expect(page.get_by_role("dialog").get_by_text("no file of this name")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Files of this chat").click()
    page.get_by_role("button", name="Show whales.pdf").click()
    expect(page.get_by_role("dialog", name="whales.pdf").get_by_text("Of fish")).to_be_visible()


def test_pictures_are_seen_small_and_one_by_one_as_large_as_the_window(page: Page) -> None:
    attach(page, ("red.png", "image/png", png(64, b"\xff\0\0")), ("blue.png", "image/png", png(64, b"\0\0\xff")))
    chosen = page.get_by_role("list", name="Files to send")
    expect(chosen.get_by_role("button", name="Show red.png").locator("img")).to_be_visible()
    say(page, "echo Two colours")
    expect(answer(page)).to_contain_text("Two colours")
    until_idle(page)
    page.reload()
    expect(page.get_by_role("article", name="You")).to_have_count(1)  # the tab's own is not known to be said yet
    red = page.get_by_role("article", name="You").get_by_role("button", name="Show red.png")
    expect(red.locator("img")).to_be_visible()
    assert_accessible(page)
    red.click()
    shown = page.get_by_role("dialog", name="red.png")
    expect(shown.get_by_role("img", name="red.png")).to_be_visible()
    expect(shown.get_by_role("status")).to_have_text("1 of 2")
    assert_accessible(page)
    page.keyboard.press("ArrowRight")
    shown = page.get_by_role("dialog", name="blue.png")
    expect(shown.get_by_role("img", name="blue.png")).to_be_visible()
    with page.expect_download() as download:
        shown.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "blue.png"
    page.evaluate(SWIPE, 200)  # to the right: the one before
    expect(page.get_by_role("dialog", name="red.png").get_by_role("status")).to_have_text("1 of 2")
    page.keyboard.press("Escape")
    expect(red).to_be_focused()


SWIPE = """across => {
  const stage = document.querySelector(".lightbox .stage");
  const touch = { pointerType: "touch", clientY: 300 };
  stage.dispatchEvent(new PointerEvent("pointerdown", { ...touch, clientX: 400 }));
  stage.dispatchEvent(new PointerEvent("pointerup", { ...touch, clientX: 400 + across }));
}"""
# What Chromium's own does is not to be had without its maker: this one hears what the test says.
LISTENER = """window.SpeechRecognition = class {
  start() {
    window.listening = this;
    window.heard = (...texts) => this.onresult({ results: texts.map(transcript => [{ transcript }]) });
  }
  abort() { this.onend(); }
};"""


def test_what_is_dictated_stands_where_the_caret_was(page: Page) -> None:
    page.add_init_script(LISTENER)
    page.reload()
    field, press = message_field(page), page.get_by_role("button", name="Dictate")
    field.fill("Say: please")
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    press.click()
    expect(press).to_have_attribute("aria-pressed", "true")
    page.evaluate("heard('good', 'morning')")
    expect(field).to_have_value("Say: good morning please")
    page.evaluate("listening.onerror({ error: 'not-allowed' })")
    expect(page.get_by_text("does not let this page listen")).to_be_visible()
    press.click()
    expect(press).to_have_attribute("aria-pressed", "false")
    page.evaluate("heard('and evening')")
    expect(field).to_have_value("Say: good morning please")
    policy = page.evaluate("fetch('/').then(answer => answer.headers.get('Permissions-Policy'))")
    assert "microphone=(self)" in policy
    assert "camera=()" in policy
    field.fill("")
