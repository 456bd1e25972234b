"""What administrators see to in the page, and nobody else."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pyotp
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.harness.provider import Provider
from tests.harness.provider.script import Script
from tests.harness.server import PASSWORD, Site
from tests.page.conftest import (
    SIGNED_IN,
    Troubles,
    answer,
    assert_accessible,
    first_held,
    held_requests,
    may_sign_in,
    message_field,
    registered,
    say,
    until_idle,
    words,
)

RENEWED_ELSEWHERE = """([token, user]) => {
  const [tab, another] = [1, 2].map(() => new BroadcastChannel(`chat-juicer.auth ${location.origin}`));
  const heard = new Promise((resolve) => (another.onmessage = resolve)); // by the page, too, which listens for longer
  tab.postMessage({ token, user, expires: Date.now() + 600_000 });
  return heard.then(() => {});
}"""


def open_administration(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Administration").click()
    dialog = page.get_by_role("dialog", name="Administration")
    expect(dialog.get_by_role("listitem").first).to_be_visible()  # nothing moves any more
    return dialog


def assert_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("new Promise((told) => requestAnimationFrame(() => requestAnimationFrame(told)))")  # closes menus


def test_an_administrator_sees_to_people_groups_and_usage(page: Page, site: Site, troubles: Troubles) -> None:
    troubles.forgive("400 (Bad Request)")  # nobody has that address
    name = f"nora-{uuid4().hex[:8]}"
    email = f"{name}@example.org"
    registered(site, email)
    say(page, "say 2 words")
    expect(answer(page)).to_have_text(words(2))
    until_idle(page)
    dialog = open_administration(page)
    dialog.get_by_label("Search people").fill(name)
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    expect(dialog.get_by_role("listitem")).to_contain_text(email)
    assert_accessible(page)
    assert_fits_a_phone(page)

    more = dialog.get_by_role("button", name=f"More about {email}")
    more.press("Enter")
    page.get_by_role("menuitem", name="Turn the account off").press("Enter")
    page.get_by_role("dialog", name=f"Let {email} in no more?").get_by_role("button", name="Turn off").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(f"{email} is not let in any more.")
    expect(dialog.get_by_role("listitem")).to_contain_text("turned off")
    assert not may_sign_in(site, email)
    more.press("Enter")
    page.get_by_role("menuitem", name="Turn the account on").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(f"{email} is let in again.")
    assert may_sign_in(site, email)
    more.click()
    page.get_by_role("menuitem", name="Sign out everywhere").click()
    expect(dialog.get_by_role("status")).to_have_text(f"{email} is signed out everywhere.")

    dialog.get_by_label("Groups").check(force=True)
    dialog.get_by_role("button", name="New group").click()
    form = page.get_by_role("dialog", name="New group")
    form.get_by_label("Name").fill(name)
    form.get_by_role("group", name="Models", exact=True).get_by_label("Only these").check(force=True)
    form.get_by_label("Models: Only these").fill("gpt-5\ngpt-5-*")
    form.get_by_label("Tokens in a day").fill("5000")
    assert_accessible(page)
    form.get_by_role("button", name="Create").click()
    row = dialog.get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text("0 members · 2 models · 5,000 tokens a day")
    row.get_by_role("button", name=f"Members of {name}").click()
    members = page.get_by_role("dialog", name=f"Members of {name}")
    members.get_by_label("E-mail").fill("nobody@example.org")
    members.get_by_role("button", name="Add").click()
    expect(members.locator(".form-said.problem")).to_be_visible()
    members.get_by_label("E-mail").fill(email)
    members.get_by_role("button", name="Add").click()
    expect(members.get_by_role("listitem")).to_have_text([email])
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(row).to_contain_text("1 member · 2 models")
    expect(row.get_by_role("button", name=f"Members of {name}")).to_be_focused()
    row.get_by_role("button", name=f"Change {name}").click()
    form = page.get_by_role("dialog", name=name)
    expect(form.get_by_label("Models: Only these")).to_have_value("gpt-5\ngpt-5-*")
    form.get_by_label("Tokens in a day").fill("0")
    with page.expect_request(lambda request: request.method == "PATCH") as saved:
        form.get_by_role("button", name="Save").click()
    assert saved.value.post_data_json == {"daily_tokens": 0}
    expect(row).not_to_contain_text("a day")
    assert_fits_a_phone(page)
    row.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog", name=f"Delete {name}?").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)

    dialog.get_by_label("Usage").check(force=True)
    expect(dialog.get_by_role("row", name="Total")).to_be_visible()
    dialog.get_by_label("By person").check(force=True)
    expect(dialog.get_by_role("rowheader").filter(has_text="@").first).to_be_visible()
    assert_fits_a_phone(page)
    dialog.get_by_label("Providers").check(force=True)
    expect(dialog.get_by_role("listitem").filter(has_text="The default provider")).to_contain_text("in the settings")
    assert_fits_a_phone(page)
    dialog.get_by_label("More", exact=True).check(force=True)
    expect(dialog.get_by_role("link", name="All of the admin")).to_have_attribute("href", re.compile("^/admin/"))
    assert_fits_a_phone(page)


def person_menu(page: Page, dialog: Locator, email: str, item: str) -> None:
    dialog.get_by_role("button", name=f"More about {email}").press("Enter")
    page.get_by_role("menuitem", name=item, exact=True).press("Enter")


def test_an_administrator_makes_changes_and_deletes_accounts(page: Page, site: Site, troubles: Troubles) -> None:
    troubles.forgive("409 (Conflict)")  # the address is taken
    email = f"ines-{uuid4().hex[:8]}@example.org"
    dialog = open_administration(page)
    new = dialog.get_by_role("button", name="New account")
    new.press("Enter")
    form = page.get_by_role("dialog", name="New account")
    expect(form.get_by_label("E-mail")).to_be_focused()
    expect(form.get_by_label("First password", exact=True)).to_be_hidden()
    page.keyboard.type(email)
    form.get_by_label("Name").fill("Inês")
    assert_fits_a_phone(page)
    form.get_by_role("button", name="Create").press("Enter")

    invitation = page.get_by_role("dialog", name=f"Invite {email}")
    expect(invitation.get_by_role("button", name="Make an address")).to_be_focused()
    expect(invitation.get_by_role("button", name="Send it by mail")).to_have_count(0)  # this server sends none
    page.keyboard.press("Enter")
    address = invitation.get_by_label(f"Address for {email}")
    expect(address).to_have_value(re.compile(rf"^{site.url}/reset-password\?token="))
    assert_fits_a_phone(page)
    with httpx.Client(trust_env=False) as anybody:
        given = {"token": address.input_value().partition("token=")[2], "new_password": PASSWORD}
        anybody.post(f"{site.url}/api/auth/password/reset/confirm", json=given).raise_for_status()
    page.keyboard.press("Escape")
    row = dialog.get_by_role("listitem").filter(has_text=email)
    expect(row).to_contain_text("Inês · without a password")
    dialog.get_by_label("Search people").fill(email)
    expect(row).not_to_contain_text("without a password")
    assert may_sign_in(site, email)

    person_menu(page, dialog, email, "Change")
    changes = page.get_by_role("dialog", name=email)
    changes.get_by_label("Administrator", exact=True).check(force=True)
    assert_fits_a_phone(page)
    with page.expect_request(lambda request: request.method == "PATCH") as saved:
        changes.get_by_role("button", name="Save").press("Enter")
    assert saved.value.post_data_json == {"role": "administrator"}
    expect(row).to_contain_text("Inês · administrator · ")
    expect(row.get_by_role("button")).to_be_focused()
    person_menu(page, dialog, email, "New password")
    expect(page.get_by_role("dialog", name=f"New password for {email}")).to_contain_text("within an hour")
    page.keyboard.press("Escape")

    new.press("Enter")
    form.get_by_label("E-mail").fill(email)
    form.get_by_label("With a first password").check(force=True)
    form.get_by_label("First password", exact=True).fill(PASSWORD)
    assert_accessible(page)
    form.get_by_role("button", name="Create").press("Enter")
    expect(form.locator(".form-said.problem")).to_contain_text("already registered")
    second = f"second-{email}"
    form.get_by_label("E-mail").fill(second)
    form.get_by_label("First password", exact=True).fill(PASSWORD)
    form.get_by_role("button", name="Create").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(f"{second} has an account.")
    assert may_sign_in(site, second)
    expect(page.get_by_role("dialog")).to_have_count(1)

    person_menu(page, dialog, second, "Delete the account")
    page.get_by_role("dialog", name=f"Delete {second}?").get_by_role("button", name="Delete").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(f"{second} is deleted.")
    expect(dialog.get_by_role("listitem").filter(has_text=second)).to_have_count(0)
    expect(new).to_be_focused()
    assert not may_sign_in(site, second)


def test_codes_are_asked_for_no_more_of_who_has_lost_the_device(page: Page, site: Site) -> None:
    email = f"lost-{uuid4().hex[:8]}@example.org"
    with httpx.Client(base_url=site.url, trust_env=False) as lost:
        token = lost.post("/api/auth/register", json={"email": email, "password": PASSWORD}).json()["access_token"]
        lost.headers["Authorization"] = f"Bearer {token}"
        secret = lost.post("/api/auth/totp/setup").json()["secret"]
        lost.post("/api/auth/totp/confirm", json={"code": pyotp.TOTP(secret).now()}).raise_for_status()
    assert not may_sign_in(site, email)
    dialog = open_administration(page)
    dialog.get_by_label("Search people").fill(email)
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    person_menu(page, dialog, email, "Turn one-time passwords off")
    sure = page.get_by_role("dialog", name=f"Ask {email} for no more codes?")
    sure.get_by_role("button", name="Turn off").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(f"{email} is asked for the password alone.")
    assert may_sign_in(site, email)
    dialog.get_by_role("button", name=f"More about {email}").press("Enter")
    expect(page.get_by_role("menuitem", name="Change", exact=True)).to_be_visible()
    expect(page.get_by_role("menuitem", name="Turn one-time passwords off")).to_have_count(0)


def test_who_is_quicker_than_the_list_of_providers_chooses_among_all_kinds(page: Page) -> None:
    late = held_requests(page, "**/api/providers")
    dialog = open_administration(page)
    dialog.get_by_label("Providers").check(force=True)
    dialog.get_by_role("button", name="Add a provider").press("Enter")
    for _ in ("the list", "the kinds"):
        first_held(page, late).continue_()
    form = page.get_by_role("dialog", name="Add a provider")
    form.get_by_role("button", name="Kind: OpenAI").press("Enter")
    expect(page.get_by_role("menuitem", name="Azure OpenAI")).to_be_visible()


def test_an_administrator_adds_tries_changes_and_deletes_a_provider(
    page: Page, site: Site, provider: Provider, troubles: Troubles
) -> None:
    troubles.forgive("400 (Bad Request)")  # the key is not given to another address
    name = f"home-{uuid4().hex[:8]}"
    dialog = open_administration(page)
    dialog.get_by_label("Providers").check(force=True)
    add = dialog.get_by_role("button", name="Add a provider")
    add.press("Enter")
    form = page.get_by_role("dialog", name="Add a provider")
    form.get_by_role("button", name="Kind: OpenAI").press("Enter")
    page.get_by_role("menuitem", name="Azure OpenAI").press("Enter")
    expect(form.get_by_label("Version of the API")).to_be_visible()
    form.get_by_role("button", name="Kind: Azure OpenAI").press("Enter")
    page.get_by_role("menuitem", name="compatible").press("Enter")
    expect(form.get_by_label("Version of the API")).to_be_hidden()
    form.get_by_label("Name").fill(name)
    form.get_by_label("Address").fill(provider.url)
    form.get_by_label("Key", exact=True).fill("sk-of-the-test")
    form.get_by_role("radio", name="Only these").check(force=True)
    form.get_by_label("Models: Only these").fill("gpt-4.1\nlocal-*")
    form.get_by_label("Who is asked where a model fails").fill("gpt-4.1 = gpt-5-mini, other/large")
    assert_fits_a_phone(page)
    with page.expect_request(lambda request: request.method == "POST" and "/api/providers" in request.url) as sent:
        form.get_by_role("button", name="Add", exact=True).press("Enter")
    assert sent.value.post_data_json == {
        "kind": "compatible", "name": name, "url": provider.url, "key": "sk-of-the-test", "api": "", "api_version": "",
        "models": ["gpt-4.1", "local-*"], "fallbacks": {"gpt-4.1": ["gpt-5-mini", "other/large"]}, "position": 0,
    }  # fmt: skip

    test = page.get_by_role("dialog", name=f"Test {name}")  # what was added is asked at once
    expect(test.get_by_role("status")).to_contain_text(re.compile("It has answered, in .*: 1 model$"))
    expect(test.get_by_label("Model")).to_have_value("gpt-4.1")
    test.get_by_role("button", name="Ask it").press("Enter")
    expect(test.get_by_role("status")).to_contain_text("gpt-4.1 has answered")
    assert_fits_a_phone(page)
    provider.scripts.append(Script(status=401))
    test.get_by_role("button", name="Ask it").press("Enter")
    expect(test.get_by_role("status")).to_have_text("It refuses the key.")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator("#model").press("Enter")  # what it has is there to be chosen
    expect(page.get_by_role("option", name="GPT-4.1").filter(has_text=name)).to_be_visible()
    page.keyboard.press("Escape")
    dialog = open_administration(page)
    dialog.get_by_label("Providers").check(force=True)
    add = dialog.get_by_role("button", name="Add a provider")

    row = dialog.get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text("compatible · 127.0.0.1 · ")
    more = row.get_by_role("button", name=f"More about {name}")
    more.press("Enter")
    page.get_by_role("menuitem", name="Change").press("Enter")
    form = page.get_by_role("dialog", name=name)
    expect(form.get_by_label("Key", exact=True)).to_have_value("")
    expect(form.get_by_label("Address")).to_have_value(provider.url)
    expect(form.get_by_label("Who is asked where a model fails")).to_have_value("gpt-4.1 = gpt-5-mini, other/large")
    form.get_by_label("Address").fill("https://elsewhere.example/v1")
    form.get_by_role("button", name="Save").press("Enter")
    expect(form.locator(".form-said.problem")).to_contain_text("Enter the key again")
    assert_accessible(page)
    form.get_by_label("Position").fill("7")
    form.get_by_label("Address").fill("https://elsewhere.example/v1")
    form.get_by_label("It needs none").check(force=True)
    with page.expect_request(lambda request: request.method == "PATCH") as saved:
        form.get_by_role("button", name="Save").press("Enter")
    assert saved.value.post_data_json == {"url": "https://elsewhere.example/v1", "key": "", "position": 7}
    expect(row).to_contain_text("elsewhere.example")
    expect(more).to_be_focused()
    more.press("Enter")
    page.get_by_role("menuitem", name="Change").press("Enter")
    form.get_by_label("Key", exact=True).fill("sk-another")
    form.get_by_role("button", name="Kind: ").press("Enter")
    page.get_by_role("menuitem", name="OpenAI", exact=True).press("Enter")
    with page.expect_request(lambda request: request.method == "PATCH") as saved:
        form.get_by_role("button", name="Save").press("Enter")
    seen = "https://elsewhere.example/v1"  # goes along, or the key would go where somebody else moves the provider
    assert saved.value.post_data_json == {"kind": "openai", "url": seen, "key": "sk-another"}
    expect(row).to_contain_text("OpenAI · elsewhere.example")
    expect(more).to_be_focused()
    more.press("Enter")
    page.get_by_role("menuitem", name="Turn off").press("Enter")
    expect(row).to_contain_text("turned off")
    assert_fits_a_phone(page)
    more.press("Enter")
    page.get_by_role("menuitem", name="Delete").press("Enter")
    page.get_by_role("dialog", name=f"Delete {name}?").get_by_role("button", name="Delete").press("Enter")
    expect(row).to_have_count(0)
    expect(add).to_be_focused()


def test_who_administers_is_asked_until_the_server_says_it(page: Page, site: Site, troubles: Troubles) -> None:
    troubles.forgive("503 (Service Unavailable)")
    asked = held_requests(page, "**/api/auth/me")
    page.reload()
    first_held(page, asked).fulfill(status=503, json={"detail": "not now"})
    again = first_held(page, asked)
    by_token = {"authorization": again.request.headers["authorization"]}
    me = httpx.get(f"{site.url}/api/auth/me", headers=by_token, trust_env=False).raise_for_status().json()
    page.evaluate(RENEWED_ELSEWHERE, [by_token["authorization"].removeprefix("Bearer "), me])
    with page.expect_response("**/api/auth/me") as said:
        again.continue_()
    said.value.finished()
    page.evaluate("new Promise((read) => setTimeout(read))")
    expect(open_administration(page)).to_be_visible()


def test_late_answers_and_second_clicks_mix_nothing_up(page: Page) -> None:
    late: list[Route] = []
    offsets: list[str] = []
    of_all = {
        "id": 1,
        "name": "all",
        "models": None,
        "mcp_servers": None,
        "daily_tokens": 0,
        "daily_cost": 0,
        "member_count": 2,
    }

    def asked(route: Route, name: str) -> str:
        return parse_qs(urlsplit(route.request.url).query)[name][0]

    def members(route: Route) -> None:
        offsets.append(offset := asked(route, "offset"))
        member = {"id": str(uuid4()), "email": f"{offset}@example.org"}
        route.fulfill(json={"members": [member], "total_count": 2, "has_more": offset == "0"})

    def usage(route: Route) -> None:
        used = {"calls": 1, "input_tokens": 1, "output_tokens": 1, "cost": None}
        key = "2026-11-01" if asked(route, "by") == "day" else f"one {asked(route, 'by')}"
        route.fulfill(json={"rows": [{"key": key, **used}], "total": used})

    page.route("**/api/groups", lambda route: route.fulfill(json={"groups": [of_all]}))
    page.route(
        "**/api/groups/1/members?*",
        lambda route: late.append(route) if asked(route, "offset") != "0" else members(route),
    )
    page.route(
        "**/api/usage/all?*", lambda route: late.append(route) if asked(route, "by") == "model" else usage(route)
    )
    dialog = open_administration(page)
    dialog.get_by_label("Groups").check(force=True)
    dialog.get_by_role("button", name="Members of all").click()
    shown = page.get_by_role("dialog", name="Members of all")
    shown.get_by_role("button", name="Show more").dblclick()
    members(first_held(page, late))
    expect(shown.get_by_role("listitem")).to_have_text(["0@example.org", "1@example.org"])
    expect(shown.get_by_role("button", name="Take 1@example.org out")).to_be_focused()
    assert (offsets, late) == (["0", "1"], [])
    page.keyboard.press("Escape")

    dialog.get_by_label("Usage").check(force=True)
    expect(dialog.get_by_role("rowheader", name="Nov 1, 2026")).to_be_visible()
    # Not by force, so that they are waited for until they stand still.
    dialog.get_by_label("By model").check()
    dialog.get_by_label("By person").check()
    expect(dialog.get_by_role("rowheader", name="one user")).to_be_visible()
    with page.expect_response("**/api/usage/all?by=model*"):
        usage(first_held(page, late))
    page.evaluate("new Promise((seen) => setTimeout(seen))")
    expect(dialog.get_by_role("rowheader", name="one user")).to_be_visible()


def test_nobody_else_sees_it(stranger: BrowserContext, site: Site, troubles: Troubles) -> None:
    stranger.add_init_script(SIGNED_IN % f'"{registered(site, f"plain-{uuid4().hex[:8]}@example.org")}"')
    page = troubles.watch(stranger.new_page())
    with page.expect_response("**/api/auth/me"):
        page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    page.get_by_role("button", name="Settings and more").click()
    expect(page.get_by_role("menuitem", name="Usage")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Administration")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("Administration")
    expect(page.get_by_role("option", name="Administration")).to_have_count(0)


def test_a_menu_that_was_opened_before_the_account_was_known_gets_what_it_may(page: Page) -> None:
    late = held_requests(page, "**/api/auth/me")
    page.reload()
    known = first_held(page, late)
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Agents").focus()
    expect(page.get_by_role("menuitem", name="Administration")).to_have_count(0)
    known.continue_()
    expect(page.get_by_role("menuitem", name="Administration")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Agents")).to_be_focused()
