"""What administrators see to in the page, and nobody else."""

import re
from uuid import uuid4

import httpx
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.harness.server import Site
from tests.page.conftest import SIGNED_IN, Troubles, answer, assert_accessible, message_field, say, until_idle, words

PASSWORD = "correct horse battery staple"


def registered(site: Site, email: str) -> str:
    """Their refresh token."""
    given = {"email": email, "password": PASSWORD}
    answer = httpx.post(f"{site.url}/api/auth/register", json=given, trust_env=False)
    return str(answer.raise_for_status().json()["refresh_token"])


def may_sign_in(site: Site, email: str) -> bool:
    given = {"email": email, "password": PASSWORD}
    return httpx.post(f"{site.url}/api/auth/login", json=given, trust_env=False).status_code == 200


def open_administration(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Administration").click()
    return page.get_by_role("dialog", name="Administration")


def assert_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 800})


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
    row.get_by_role("button", name=f"Change {name}").click()
    form = page.get_by_role("dialog", name=name)
    expect(form.get_by_label("Models: Only these")).to_have_value("gpt-5\ngpt-5-*")
    form.get_by_label("Tokens in a day").fill("0")
    form.get_by_role("button", name="Save").click()
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
    expect(dialog.get_by_role("link", name="Audit log")).to_have_attribute("href", re.compile("^/admin/"))
    assert_fits_a_phone(page)


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
