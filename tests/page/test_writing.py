"""How a person writes: what Enter does, and what becomes of messages that wait."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import FilePayload, Page, Route, WebSocketRoute, expect

from tests.harness.server import Site
from tests.page.conftest import Troubles, answer, first_held, held_requests, message_field, say, until_idle, words


def begin_a_chat(page: Page) -> None:
    """With two words as its first answer."""
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    until_idle(page)


@contextmanager
def without_sockets(page: Page) -> Iterator[None]:
    """Those that the page opens from now on are closed at once, as by a network that comes and goes."""
    away = True

    def lead(socket: WebSocketRoute) -> None:
        if away:
            socket.close()
        else:
            socket.connect_to_server()

    page.route_web_socket("**/ws/chat/*", lead)
    page.reload()
    expect(message_field(page)).to_be_visible()
    yield
    away = False


# Whether the browser keeps a session for reading with that draft.
KEPT_DRAFT = """([session, draft]) => new Promise((done) => {
  const opening = indexedDB.open("chat-juicer", 1);
  opening.onsuccess = () => {
    const asked = opening.result.transaction("conversations").objectStore("conversations").get(session);
    asked.onsuccess = () => {
      opening.result.close();
      done(JSON.stringify(asked.result?.detail.session.draft ?? "").includes(draft));
    };
  };
})"""


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


def test_a_choice_of_models_says_what_they_can_do(page: Page) -> None:
    def told(route: Route) -> None:
        config = route.fetch().json()
        known, other = (dict(config["models"][0], id=name, name=name, isDefault=False) for name in ("seeing", "blind"))
        known |= {"supports_images": True, "supports_tools": True, "supports_reasoning": False}
        other |= {"supports_images": False, "supports_tools": None, "supports_reasoning": False}
        route.fulfill(json=config | {"models": [*config["models"], known, other]})

    page.route("**/api/config", told)
    page.reload()
    page.get_by_role("button", name="Model:").click()
    models = page.get_by_role("listbox", name="Models")
    expect(models.get_by_role("option", name="seeing")).to_contain_text("sees · tools")
    expect(models.get_by_role("option", name="blind")).to_be_visible()
    expect(models.get_by_role("option", name="blind")).not_to_contain_text(re.compile("sees|tools"))


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


def test_what_begins_a_chat_is_not_lost_when_the_page_is_loaded_in_that_moment(page: Page) -> None:
    asked: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST" and not asked:
            asked.append(route)
        else:
            route.continue_()

    page.route("**/api/sessions", hold)
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/api/sessions")):
        say(page, "say 3 words")
    expect(message_field(page)).to_have_value("")
    made = asked[0].fetch().json()  # of which the page does not hear
    (kept,) = page.evaluate("Object.entries(sessionStorage).filter(([key]) => key.endsWith('.beginning'))")
    page.reload()
    expect(message_field(page)).to_have_value("say 3 words")  # given back by the page that was left
    message_field(page).fill("")
    page.evaluate("kept => sessionStorage.setItem(...kept)", kept)  # one that had no time to
    for _ in range(2):
        page.reload()
        expect(answer(page)).to_have_text(words(3))
        expect(page.get_by_role("article", name="You")).to_have_count(1)
        assert page.url.endswith(made["session_id"])


def test_what_is_written_in_a_new_chat_outlives_its_tab(page: Page, troubles: Troubles) -> None:
    message_field(page).fill("written before the tab was closed")
    page.close(run_before_unload=True)
    another, third = (troubles.watch(page.context.new_page()) for _ in range(2))
    for opened in (another, third):
        opened.goto(page.url)
        expect(message_field(opened)).to_be_focused()
    expect(message_field(another)).to_have_value("written before the tab was closed")
    expect(message_field(third)).to_have_value("")
    another.reload()
    expect(message_field(another)).to_have_value("written before the tab was closed")
    third.reload()
    expect(message_field(third)).to_have_value("")


def test_what_stands_beside_the_first_file_is_a_draft_on_other_devices(page: Page) -> None:
    message_field(page).fill("about this file")
    file = FilePayload(name="seen.txt", mimeType="text/plain", buffer=b"seen")
    with page.expect_request(lambda request: request.method == "PUT" and request.url.endswith("/draft")) as told:
        page.locator("#composer-files").set_input_files([file])
    assert told.value.post_data_json == {"content": "about this file"}


def test_a_chat_that_cannot_begin_begins_when_the_server_is_back(page: Page, troubles: Troubles) -> None:
    troubles.forgive("Failed to load resource")
    requests = ("**/api/sessions", "**/api/config")
    for pattern in requests:
        page.route(pattern, lambda route: route.abort("connectionrefused"))
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/api/config")):
        say(page, "say 3 words")
    expect(page.get_by_text("It is sent when the server is back.")).to_be_visible()
    expect(message_field(page)).to_have_value("say 3 words")
    for pattern in requests:
        page.unroute(pattern)
    expect(answer(page)).to_have_text(words(3))
    expect(message_field(page)).to_have_value("")


def test_what_waits_in_another_chat_is_sent_once_the_server_is_back(page: Page) -> None:
    with without_sockets(page):
        say(page, "say 13 words")
        expect(page.get_by_text("Sending…")).to_be_visible()
        page.get_by_role("button", name="New chat", exact=True).click()
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    expect(page.get_by_role("navigation", name="Chats").get_by_text(words(13), exact=True)).to_be_visible()


def test_a_chat_opens_and_keeps_what_is_said_when_the_browser_has_closed_its_database(page: Page, site: Site) -> None:
    begin_a_chat(page)
    with without_sockets(page):
        expect(answer(page)).to_have_text(words(2))
        page.get_by_role("button", name="New chat", exact=True).click()
        expect(page.get_by_role("article")).to_have_count(0)
        # As when a person, or the browser for want of room, deletes what is kept.
        devtools = page.context.new_cdp_session(page)
        devtools.send("Storage.clearDataForOrigin", {"origin": site.url, "storageTypes": "indexeddb"})
        page.get_by_role("navigation", name="Chats").get_by_role("link").first.click()
        expect(answer(page)).to_have_text(words(2))
        page.wait_for_function("indexedDB.databases().then((all) => all.some(({ name }) => name === 'chat-juicer'))")
        say(page, "say 3 words")
        expect(page.get_by_text("Sending…")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Sending…")).to_be_visible()
    expect(answer(page)).to_have_text(words(3))


# What is said is on its way to the browser's database when the page does nothing more for as long as that.
SAY_AND_HANG = """() => setTimeout(async () => {
  document.getElementById("composer").requestSubmit();
  for (let turn = 0; turn < 200; turn += 1) await null;
  const end = performance.now() + 8_000;
  while (performance.now() < end);
})"""


def test_what_is_said_outlives_a_page_that_breaks_in_that_moment(page: Page, troubles: Troubles) -> None:
    begin_a_chat(page)
    with without_sockets(page):
        expect(answer(page)).to_have_text(words(2))
        message_field(page).fill("say 3 words")
        page.evaluate(SAY_AND_HANG)
        time.sleep(1)  # in which the page hears nothing
        page.close()
    another = troubles.watch(page.context.new_page())
    another.goto(page.url)
    expect(answer(another)).to_have_text(words(3))


def test_an_edit_whose_answer_is_lost_is_made_once(page: Page) -> None:
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    with without_sockets(page):
        question = page.get_by_role("article", name="You")
        question.hover()
        question.get_by_role("button", name="Edit message").click()
        field = page.get_by_role("textbox", name="Edit message")
        field.fill("say 4 words")

        def lose(route: Route) -> None:
            route.fetch()
            route.abort()

        page.route("**/edit", lose, times=1)
        field.press("Control+Enter")
        expect(page.locator(".toast")).to_be_visible()
        field.press("Control+Enter")
        expect(question).to_contain_text("2/2")
        expect(question).to_contain_text("say 4 words")


def test_a_draft_that_another_tab_has_sent_is_called_back_unless_it_was_written_on(page: Page) -> None:
    def write(text: str) -> None:
        with page.expect_response("**/draft"):
            message_field(page).fill(text)
        expect(message_field(other)).to_have_value(text)

    def send() -> None:
        with other.expect_response("**/draft"):
            message_field(other).press("Enter")
        until_idle(other)

    begin_a_chat(page)
    other = page.context.new_page()
    other.goto(page.url)
    expect(answer(other)).to_have_text(words(2))
    write("say 3 words")
    send()
    expect(message_field(page)).to_have_value("")
    page.reload()
    expect(answer(page)).to_have_text(words(3))
    expect(message_field(page)).to_have_value("")

    write("say 4 words")
    message_field(page).press_sequentially(" and")
    send()
    expect(answer(page)).to_have_text(words(4))
    until_idle(page)
    expect(message_field(page)).to_have_value("say 4 words and")


def test_what_was_sent_does_not_come_back_into_the_field_when_its_end_as_a_draft_is_not_heard(page: Page) -> None:
    begin_a_chat(page)
    with page.expect_response("**/draft"):
        message_field(page).fill("say 3 words")
    page.route("**/draft", lambda route: route.abort())
    with without_sockets(page):
        expect(message_field(page)).to_have_value("say 3 words")
        message_field(page).press("Enter")
        expect(page.get_by_text("Sending…")).to_be_visible()
        with page.expect_response("**/api/sessions/*"):
            page.reload()
        expect(page.get_by_text("Sending…")).to_be_visible()
        expect(message_field(page)).to_have_value("")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    expect(message_field(page)).to_have_value("")
    page.reload()
    expect(answer(page)).to_have_text(words(3))
    expect(message_field(page)).to_have_value("")


def test_a_draft_that_the_server_takes_slowly_is_none_any_more_once_it_was_sent(page: Page) -> None:
    begin_a_chat(page)
    held = held_requests(page, "**/draft", times=1)
    with page.expect_request("**/draft"):
        message_field(page).fill("say 3 words")
    told: list[str] = []
    page.on("request", lambda request: told.append(request.url) if request.url.endswith("/draft") else None)
    message_field(page).press("Enter")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    assert told == []
    with page.expect_request("**/draft"):
        first_held(page, held).continue_()
    page.reload()
    expect(answer(page)).to_have_text(words(3))
    expect(message_field(page)).to_have_value("")


def test_what_was_sent_does_not_come_back_from_what_is_kept_for_reading_without_the_server(page: Page) -> None:
    begin_a_chat(page)
    with page.expect_response("**/draft"):
        message_field(page).fill("say 3 words")
    page.reload()  # what is loaded is kept, with the draft
    expect(answer(page)).to_have_text(words(2))
    session = page.url.partition("#/")[2]
    page.wait_for_function(KEPT_DRAFT, arg=[session, "say 3 words"])
    page.route(f"**/api/sessions/{session}?*", lambda route: route.abort())
    expect(message_field(page)).to_have_value("say 3 words")
    message_field(page).press("Enter")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    page.reload()
    expect(answer(page)).to_have_text(words(2))
    expect(message_field(page)).to_have_value("")


def test_a_draft_in_one_tab_stays_when_something_else_is_sent_from_another(page: Page) -> None:
    """Events of the account come in order: who sees the new title has heard of all before."""

    def hear(of: Page, title: str) -> None:
        page.locator("#session-list a[aria-current=page]").press("F2")
        page.locator("#session-list .rename input").fill(title)
        page.keyboard.press("Enter")
        expect(of.get_by_role("navigation", name="Chats").get_by_role("link", name=title)).to_be_visible()

    begin_a_chat(page)
    other = page.context.new_page()
    other.goto(page.url)
    expect(answer(other)).to_have_text(words(2))
    other.route("**/draft", lambda route: route.abort())
    with other.expect_event("requestfailed", lambda request: request.url.endswith("/draft")):
        message_field(other).fill("say 4 words")
    with page.expect_response("**/draft"):
        message_field(page).fill("say 3 words")
    hear(other, "Heard there")
    other.unroute("**/draft")
    message_field(other).press("Enter")
    expect(answer(page)).to_have_text(words(4))
    until_idle(other)
    hear(page, "Heard here")
    expect(message_field(page)).to_have_value("say 3 words")
    expect(message_field(other)).to_have_value("say 3 words")
