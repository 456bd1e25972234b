"""The page as an installed app: it opens without the server, and shows what is pushed."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from chat_app.page_files import page_files
from tests.harness.server import Site
from tests.harness.services import until
from tests.page.conftest import VIEW, WAIT_MS, Troubles, answer, message_field, say, until_idle, words

READY = "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
KEPT = """() => new Promise(done => {
  const opening = indexedDB.open("chat-juicer", 1);
  opening.onsuccess = () => {
    const asked = opening.result.transaction("conversations").objectStore("conversations").count();
    asked.onsuccess = () => { opening.result.close(); done(asked.result); };
  };
})"""


@pytest.fixture
def installed(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=VIEW)
    context.grant_permissions(["notifications"], origin=site.url)
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


def test_what_is_needed_to_install_it_is_there() -> None:
    files = page_files().by_name
    manifest = json.loads(files["app.webmanifest"].plain)
    assert manifest["start_url"] == manifest["scope"] == "/"
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    for icon in manifest["icons"]:
        assert icon["src"] in files
    assert page_files().worker.startswith('const PAGE = {"version":')


def test_without_the_server_it_opens_is_read_and_keeps_what_is_written(
    installed: BrowserContext, site: Site, troubles: Troubles
) -> None:
    page = opened(installed, site, troubles)
    say(page, "say 5 words")
    expect(answer(page)).to_have_text(words(5))
    until_idle(page)
    page.wait_for_function(KEPT)
    page.reload()  # what is kept is then whole
    expect(answer(page)).to_have_text(words(5))
    site.servers[0].kill()
    try:
        page.reload()
        expect(answer(page)).to_have_text(words(5))
        expect(page.get_by_role("navigation", name="Chats").get_by_role("link").first).to_be_visible()
        say(page, "say 6 words")
        expect(page.get_by_text("Sending…")).to_be_visible()
        address = page.url
        page.close()
    finally:
        site.servers[0].restart()
    again = opened(installed, site, troubles)  # not in that chat
    expect(again.get_by_text("What can I do for you?")).to_be_visible()
    session = f"{site.url}/api/sessions/{address.rpartition('/')[2]}"
    until(lambda: said(httpx.get(session, trust_env=False)) == ["say 5 words", "say 6 words"], "it has been sent")
    again.goto(address)
    expect(answer(again)).to_have_text(words(6))
    expect(again.get_by_role("article", name="You")).to_have_count(2)


def said(answer: httpx.Response) -> list[str]:
    return [message["content"] for message in answer.json()["messages"] if message["role"] == "user"]


def test_what_is_pushed_is_shown_and_what_is_shared_is_written(
    installed: BrowserContext, site: Site, troubles: Troubles
) -> None:
    page = opened(installed, site, troubles)
    push(page, {"title": "Travel plans", "session_id": "chat_far", "type": "answer_ready"})
    page.wait_for_function(
        """async () => (await (await navigator.serviceWorker.ready).getNotifications())
          .some(({ title, tag }) => title === "Travel plans" && tag === "chat_far")"""
    )
    page.goto(f"{site.url}/?title=News&text=Look%20here&url=https%3A%2F%2Fexample.org")
    expect(message_field(page)).to_have_value("News\nLook here\nhttps://example.org")
    assert page.url.endswith("/#/")


# A Chromium that is not its maker's own reaches no push service: what that would give, and the rest is real.
PUSH_SERVICE = """
const text = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/[+]/g, "-").replace(/[/]/g, "_").replace(/=/g, "");
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async () => {
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const p256dh = text(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  const auth = text(crypto.getRandomValues(new Uint8Array(16)));
  return { toJSON: () => ({ endpoint: "https://push.example.org/one", expirationTime: null, keys: { p256dh, auth } }) };
};
"""


def test_a_browser_is_told_where_the_person_wants_it(installed: BrowserContext, site: Site, troubles: Troubles) -> None:
    installed.add_init_script(PUSH_SERVICE)
    page = opened(installed, site, troubles)
    settings = settings_of(page)
    told = settings.get_by_label("Notify me here")
    preview = settings.get_by_label("Show the beginning of the answer")
    expect(preview).to_be_disabled()
    told.check()
    expect(preview).to_be_enabled()
    preview.check()
    expect(told).to_be_checked()
    until(lambda: subscribed(site) == [True], "the server knows of it")
    told.uncheck()
    expect(preview).to_be_disabled()
    until(lambda: subscribed(site) == [], "the server has forgotten it")


# What the page shows while nobody looks at it, in the place of the system's notifications.
RECORDED = """
window.told = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, { tag }) { super(); this.tag = tag; told.push(this); }
  close() { told.splice(told.indexOf(this), 1); }
};
window.looked = true;
Object.defineProperty(document, "visibilityState", { get: () => window.looked ? "visible" : "hidden" });
"""
TOLD = "tag => told.map(({ tag }) => tag).join() === tag"


def told_while_it_is_open(page: Page) -> Locator:
    """The settings in which that is chosen."""
    notifications = settings_of(page)
    notifications.get_by_label("Notify me here").check()
    expect(notifications.get_by_text("while this page is open")).to_be_visible()
    return notifications


def test_without_a_push_service_the_page_tells_while_nobody_looks(
    installed: BrowserContext, site: Site, troubles: Troubles
) -> None:
    installed.add_init_script(RECORDED)
    troubles.forgive("Push API in incognito mode")
    page = opened(installed, site, troubles)
    notifications = told_while_it_is_open(page)
    expect(notifications.get_by_label("Show the beginning of the answer")).to_be_disabled()
    page.keyboard.press("Escape")
    page.evaluate("looked = false")
    say(page, "say 2 words")
    session_id = session_in(page)
    page.wait_for_function(TOLD, arg=session_id)
    page.get_by_role("button", name="New chat", exact=True).click()
    with page.expect_event("framenavigated"):
        page.evaluate("told[0].dispatchEvent(new Event('click'))")
    assert session_in(page) == session_id
    expect(answer(page)).to_have_text(words(2))
    page.wait_for_function(TOLD, arg="")
    say(page, 'tool search_files {"pattern": "x*", "base_path": "."}')
    page.wait_for_function(TOLD, arg=session_id)
    with page.expect_event("framenavigated"):  # of the open chat, too, as the desktop shell hears by that of the click
        page.evaluate("told[0].dispatchEvent(new Event('click'))")
    page.evaluate("looked = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("button", name="Approve").click()
    until_idle(page)


def test_what_was_looked_at_is_not_told(installed: BrowserContext, site: Site, troubles: Troubles) -> None:
    installed.add_init_script(RECORDED)
    troubles.forgive("Push API in incognito mode")
    page = opened(installed, site, troubles)
    told_while_it_is_open(page)
    page.keyboard.press("Escape")
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    looked_at = f"{site.url}/api/sessions/{session_in(page)}"
    until(lambda: httpx.get(looked_at, trust_env=False).json()["session"]["unread"] is False, "it is read")
    page.get_by_role("button", name="New chat", exact=True).click()
    page.evaluate("looked = false")
    say(page, "say 4 words")
    page.wait_for_function(TOLD, arg=session_in(page))  # and nothing before it


def test_hidden_at_the_chat_that_answers_it_tells_though_the_rest_is_pushed(
    installed: BrowserContext, site: Site, troubles: Troubles
) -> None:
    """The server pushes nothing of a chat that is followed."""
    installed.add_init_script(RECORDED)
    installed.add_init_script(PUSH_SERVICE)
    installed.add_init_script("PushManager.prototype.getSubscription = async () => ({ unsubscribe: async () => true })")
    page = opened(installed, site, troubles)
    settings_of(page).get_by_label("Notify me here").check()
    until(lambda: len(subscribed(site)) == 1, "the server knows of it")
    page.keyboard.press("Escape")
    page.evaluate("looked = false")
    say(page, "say 2 words")
    page.wait_for_function(TOLD, arg=session_in(page))
    settings_of(page).get_by_label("Notify me here").uncheck()
    until(lambda: subscribed(site) == [], "the server has forgotten it")


def settings_of(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").press("Enter")
    return page.get_by_role("dialog", name="Settings").get_by_role("region", name="Notifications")


def session_in(page: Page) -> str:
    page.wait_for_url("**/#/chat_*")
    return page.url.rpartition("/")[2]


def subscribed(site: Site) -> list[bool]:
    """Whether each subscription is told the beginning of answers."""
    found = httpx.get(f"{site.url}/api/push/subscriptions", trust_env=False).json()["subscriptions"]
    return [subscription["preview"] for subscription in found]


def test_a_page_of_an_older_version_is_told(installed: BrowserContext, site: Site, troubles: Troubles) -> None:
    page = opened(installed, site, troubles)
    page.evaluate(
        """navigator.serviceWorker.dispatchEvent(
          new MessageEvent("message", { data: { type: "version", version: "000000000000" } }))"""
    )
    expect(
        page.get_by_role("status").filter(has_text="has a new version").get_by_role("button", name="Reload")
    ).to_be_visible()


def test_signed_out_nothing_is_kept(browser: Browser, context: BrowserContext, site: Site, page: Page) -> None:
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    page.wait_for_function(KEPT)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail")).to_be_visible()
    page.wait_for_function(f"async () => await ({KEPT})() === 0")


def opened(context: BrowserContext, site: Site, troubles: Troubles) -> Page:
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    page.wait_for_function(READY)
    return page


def push(page: Page, payload: dict[str, str]) -> None:
    session = page.context.new_cdp_session(page)
    registrations: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(each["registrationId"] for each in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    origin = httpx.URL(page.url)
    message = {
        "origin": f"{origin.scheme}://{origin.netloc.decode()}",
        "registrationId": registrations[-1],
        "data": json.dumps(payload),
    }
    session.send("ServiceWorker.deliverPushMessage", message)
