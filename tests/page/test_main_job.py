"""The main job through the page, in a real browser against a real server."""

import re

import httpx
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.page.conftest import Troubles, answer, assert_accessible, message_field, say, until_idle, words


def test_a_person_signs_in_by_keyboard(stranger: BrowserContext, site: Site, troubles: Troubles) -> None:
    page = troubles.watch(stranger.new_page())
    page.goto(site.url)
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(message_field(page)).to_be_focused()
    page.keyboard.type("say 3 words")
    page.keyboard.press("Enter")
    expect(answer(page)).to_have_text(words(3))


def test_the_answer_grows_on_the_screen_and_is_in_the_history(page: Page, provider: Provider) -> None:
    say(page, "say 60 words; gate grows after 10; gate ends after 60")
    expect(answer(page)).to_have_text(words(10))
    provider.open_gate("grows")
    expect(answer(page)).to_have_text(words(60))
    height = answer(page).evaluate("node => node.getBoundingClientRect().height")
    provider.open_gate("ends")
    until_idle(page)
    assert answer(page).evaluate("node => node.getBoundingClientRect().height") == height  # it does not jump
    chats = page.get_by_role("navigation", name="Chats")
    expect(chats.get_by_role("link").first).to_have_attribute("aria-current", "page")
    address = page.url
    page.get_by_role("button", name="New chat", exact=True).click()
    expect(page.get_by_text("What can I do for you?")).to_be_visible()
    chats.get_by_role("link").first.click()
    expect(page).to_have_url(address)
    expect(answer(page)).to_have_text(words(60))


def test_a_reload_in_mid_answer_loses_nothing(page: Page, provider: Provider) -> None:
    say(page, "say 90 words; gate reload after 30; gate again after 60")
    expect(answer(page)).to_have_text(words(30))
    page.reload()
    expect(answer(page)).to_have_text(words(30))
    provider.open_gate("reload")
    expect(answer(page)).to_have_text(words(60))
    page.reload()
    provider.open_gate("again")
    expect(answer(page)).to_have_text(words(90))
    until_idle(page)
    expect(page.get_by_role("article")).to_have_count(2)


def test_escape_stops_the_answer_and_keeps_what_was_said(page: Page) -> None:
    say(page, "say 60 words; gate stop after 12")
    expect(answer(page)).to_contain_text("word12")
    page.keyboard.press("Escape")
    expect(answer(page).get_by_text("Stopped")).to_be_visible()
    until_idle(page)
    page.reload()
    expect(answer(page)).to_have_text(re.compile("^word1 .*word12\\s*Stopped$", re.DOTALL))
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))


def test_two_tabs_show_the_same(page: Page, context: BrowserContext, troubles: Troubles, provider: Provider) -> None:
    say(page, "say 60 words; gate tabs after 15")
    expect(answer(page)).to_have_text(words(15))
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    expect(answer(other)).to_have_text(words(15))
    provider.open_gate("tabs")
    expect(answer(other)).to_have_text(words(60))
    expect(answer(page)).to_have_text(words(60))
    until_idle(other)
    say(other, "say 40 words; gate never after 6")
    expect(page.get_by_role("article", name="You").last).to_contain_text("say 40 words")
    expect(answer(page)).to_have_text(words(6))
    page.get_by_role("button", name="Stop the answer").click()
    expect(answer(other).get_by_text("Stopped")).to_be_visible()
    expect(answer(page)).to_have_text(answer(other).inner_text(), use_inner_text=True)


def test_a_message_sent_meanwhile_waits_for_its_turn(page: Page, provider: Provider) -> None:
    say(page, "say 40 words; gate turn after 6")
    expect(answer(page)).to_have_text(words(6))
    say(page, "say 4 words")
    expect(page.get_by_text("1 message queued")).to_be_visible()
    waiting = page.get_by_text("Queued: answered next").filter(visible=True)
    expect(waiting).to_have_count(1)
    provider.open_gate("turn")
    expect(page.get_by_role("article").last).to_have_text(words(4))
    expect(page.get_by_role("article").nth(1)).to_have_text(words(40))
    expect(waiting).to_have_count(0)


def test_a_message_written_while_the_server_is_away_arrives_once(page: Page, site: Site) -> None:
    say(page, "say 60 words; gate away after 20")
    expect(answer(page)).to_contain_text("word20")
    site.servers[0].kill()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    say(page, "say 5 words")
    expect(page.get_by_text("Sending…")).to_be_visible()
    expect(page.get_by_text("Not connected. The answer goes on")).to_be_visible()
    page.evaluate("window.location.hash = '#/another'")
    expect(page.get_by_role("heading", name="This chat cannot be shown yet")).to_be_visible()
    page.go_back()
    site.servers[0].restart()
    page.locator("#reconnect").dispatch_event("click")  # "Try now", which may go in this moment
    expect(page.get_by_role("article").last).to_have_text(words(5), timeout=60_000)
    expect(page.get_by_role("article", name="You")).to_have_count(2)
    first = page.get_by_role("article", name="Answer").first.inner_text()
    assert "word20" in first
    page.reload()
    expect(page.get_by_role("article")).to_have_count(4)
    expect(page.get_by_role("article", name="Answer").first).to_have_text(first.strip(), use_inner_text=True)


def test_what_is_said_cannot_run_in_the_page(page: Page) -> None:
    hostile = '<img src=x onerror="window.hit=1"> [press](javascript:window.hit=1) ![p](https://example.org/p.png)'
    say(page, f"echo {hostile} end.")
    expect(answer(page)).to_contain_text("end.")
    until_idle(page)
    assert page.evaluate("window.hit") is None
    assert page.locator(".markdown :is(img, script, iframe, [onerror], a[href^=javascript])").count() == 0


def test_a_tool_call_is_a_card_that_opens(page: Page) -> None:
    say(page, 'tool current_time {"timezone": "UTC"}')
    card = page.locator("details.tool")
    expect(card).to_contain_text("done")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.get_by_text("Result")).to_be_visible()
    until_idle(page)
    page.reload()
    expect(page.locator("details.tool")).to_contain_text("done")


def test_chats_are_renamed_pinned_found_and_deleted_by_keyboard(page: Page) -> None:
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    until_idle(page)
    page.keyboard.press("Control+b")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("F2")
    page.keyboard.type("Zebra")
    message_field(page).click()  # what was typed is meant, wherever the next press goes
    expect(page.get_by_role("heading", name="Zebra")).to_be_visible()
    page.keyboard.press("Control+b")
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
    expect(page.get_by_role("button", name="Pin this chat")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Search chats").fill("zebra")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(1)
    page.get_by_label("Search chats").press("ArrowDown")
    page.keyboard.press("Delete")
    expect(row).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    row.press("Delete")
    expect(row).to_be_hidden()
    expect(page.get_by_text("What can I do for you?")).to_be_visible()


def test_signing_out_ends_every_tab(page: Page, context: BrowserContext, troubles: Troubles) -> None:
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    other = troubles.watch(context.new_page())
    other.goto(page.url)
    expect(answer(other)).to_have_text(words(2))
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(answer(page)).to_have_text(words(2))
    expect(answer(other)).to_have_text(words(2))


def test_no_script_can_read_the_refresh_token(page: Page, context: BrowserContext) -> None:
    """Not even where an older page kept it, which is where this browser had it; and it lasts over a reload."""
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    page.reload()
    expect(answer(page)).to_have_text(words(2))
    stored = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie")
    assert "eyJ" not in stored
    assert "chat-juicer.signed-in" in stored
    cookie = next(one for one in context.cookies() if one["name"].startswith("chatjuicer_refresh"))
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/api/auth")


def test_a_sign_out_on_another_machine_ends_the_page(page: Page, site: Site) -> None:
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    with httpx.Client(base_url=site.url, trust_env=False) as elsewhere:
        grant = elsewhere.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).raise_for_status().json()
        bearer = {"Authorization": f"Bearer {grant['access_token']}"}
        elsewhere.post("/api/auth/logout-everywhere", headers=bearer).raise_for_status()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_refused_access_token_is_renewed_unseen(page: Page) -> None:
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    spoilt: list[Route] = []

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
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))
    assert len(spoilt) > 1


def test_thoughts_survive_a_reload_and_a_broken_answer_says_so(page: Page, provider: Provider) -> None:
    say(page, "reasoning 6; say 40 words; gate thought after 5; reset after 30 words")
    thoughts = page.locator("details.reasoning")
    expect(thoughts).to_contain_text("Thoughts")
    expect(answer(page)).to_contain_text("word5")
    thought = thoughts.locator(".thought").text_content()
    assert thought
    page.reload()
    expect(thoughts.locator(".thought")).to_have_text(thought)
    expect(answer(page)).to_contain_text("word5")
    provider.open_gate("thought")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(answer(page)).to_contain_text("Not finished")
    assert "word30" in answer(page).inner_text()
    until_idle(page)
    reason = page.get_by_role("alert").inner_text()
    page.reload()
    expect(page.get_by_role("alert")).to_have_text(reason)
    say(page, "refuse too_long")
    page.get_by_role("button", name="Summarize now").click()
    expect(page.get_by_text("There is too little to summarize.")).to_be_visible()
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))


def test_a_phone_at_a_server_that_needs_no_login(phone: BrowserContext, site: Site, troubles: Troubles) -> None:
    page = troubles.watch(phone.new_page())
    page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    expect(page.get_by_role("heading", name="Sign in")).to_be_hidden()
    page.keyboard.type("say 30 words")
    page.keyboard.press("Enter")  # the only way to a new line on its keyboard
    page.keyboard.type("reasoning 6")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(answer(page)).to_have_text(words(30))
    until_idle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_label("Search chats")).to_be_hidden()
    page.get_by_role("button", name="Chats").click()
    expect(page.get_by_role("button", name="New chat", exact=True)).to_be_focused()
    small = page.evaluate(SMALL)
    assert small == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Chats")).to_be_focused()
    expect(page.get_by_label("Search chats")).to_be_hidden()
    page.keyboard.press("Control+b")
    expect(page.get_by_label("Search chats")).to_be_focused()


# Names of the buttons that are too small for a finger.
SMALL = """() => [...document.querySelectorAll("button, summary")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true }) && node.getBoundingClientRect().height < 43.5)
  .map((node) => node.ariaLabel ?? node.innerText)"""


LINES = """(node) => {
  const range = document.createRange();
  range.selectNodeContents(node);
  return range.getClientRects().length;
}"""
SHOWN = r"""Text with *emphasis*, \(x_i\), $a^2$ for $5 and $6.

$$\frac{1}{x^2}$$

- [x] done

| Internationalization | Understandability | Compressibility | Characteristically | Accessibility considerations |
|---|---|---|---|---|
| one | two | three | four | five |

```python
@decorator
def f(): return 1
```"""


def test_the_list_of_chats_is_folded_away_and_stays_so(page: Page) -> None:
    fold = page.get_by_role("button", name="Chats")
    chats = page.get_by_role("navigation", name="Chats")
    expect(fold).to_have_attribute("aria-expanded", "true")
    wide = message_field(page).bounding_box()
    fold.click()
    expect(chats).to_be_hidden()
    assert wide and (now := message_field(page).bounding_box()) and now["x"] < wide["x"]
    page.reload()
    expect(message_field(page)).to_be_focused()
    expect(chats).to_be_hidden()
    assert_accessible(page)
    page.keyboard.press("Control+b")
    expect(page.get_by_label("Search chats")).to_be_focused()
    fold.click()
    fold.click()
    expect(chats).to_be_visible()


def test_an_answer_is_shown_as_it_was_meant(page: Page) -> None:
    say(page, SHOWN)
    expect(answer(page).locator("math")).to_have_count(3)
    expect(answer(page)).to_contain_text("for $5 and $6.")
    expect(answer(page).locator(".hljs-meta")).to_have_text("@decorator")
    until_idle(page)
    assert answer(page).get_by_role("columnheader").first.evaluate(LINES) == 1  # the table scrolls instead
    assert_accessible(page)
    # Over plain HTTP to another machine a page has no clipboard.
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    answer(page).get_by_role("button", name="Copy code").click()
    expect(answer(page).get_by_role("button", name="Copy code")).to_have_text("Copied")
    page.locator("#scroller").focus()
    bar = page.locator(".composer-bar").bounding_box()
    assert bar
    page.mouse.click(bar["x"] + bar["width"] * 0.6, bar["y"] + bar["height"] / 2)
    expect(message_field(page)).to_be_focused()
