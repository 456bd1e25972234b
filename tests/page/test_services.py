"""Programs and budgets, as administrators see to them in the page."""

import re
from uuid import uuid4

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.harness.server import Site
from tests.page.conftest import Troubles, registered
from tests.page.test_administration import (
    assert_fits_a_phone,
    open_administration,
    person_menu,
)


def asks(site: Site, key: str, path: str = "/api/auth/me") -> httpx.Response:
    return httpx.get(f"{site.url}{path}", headers={"Authorization": f"Bearer {key}"}, trust_env=False)


def chosen(page: Page, row: Locator, item: str) -> None:
    row.get_by_role("button", name="More about").press("Enter")
    page.get_by_role("menuitem", name=item, exact=True).press("Enter")


def test_a_program_gets_an_account_and_keys(page: Page, site: Site) -> None:
    name = f"Build {uuid4().hex[:8]}"
    dialog = open_administration(page)
    dialog.get_by_label("Service accounts").check(force=True)
    add = dialog.get_by_role("button", name="New service account")
    add.press("Enter")
    form = page.get_by_role("dialog", name="New service account")
    expect(form.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")

    keys = page.get_by_role("dialog", name=f"API keys of {name}")
    expect(keys.get_by_label("Name of the key")).to_be_focused()
    page.keyboard.type("nightly")
    keys.get_by_label("Last day on which it is good").fill("2099-12-31")
    keys.get_by_role("button", name="Make a key").press("Enter")
    field = keys.get_by_label("The new key")
    expect(field).to_have_value(re.compile("^cj_"))
    key = field.input_value()
    assert (asks(site, key).status_code, asks(site, key).json()["display_name"]) == (200, name)
    expect(keys.get_by_role("listitem")).to_contain_text("nightly")
    expect(keys.get_by_role("listitem")).to_contain_text("until Dec 31, 2099")
    assert_fits_a_phone(page)
    page.keyboard.press("Escape")

    row = dialog.get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text("@service.invalid")
    assert_fits_a_phone(page)
    chosen(page, row, "API keys")
    expect(field).to_have_count(0)  # it was shown that once
    keys.get_by_role("button", name="Delete the key nightly").press("Enter")
    expect(keys.get_by_role("listitem")).to_have_count(0)
    expect(keys.get_by_label("Name of the key")).to_be_focused()
    assert asks(site, key).status_code == 401
    page.keyboard.type("again")
    keys.get_by_role("button", name="Make a key").press("Enter")
    expect(field).to_be_visible()
    key = field.input_value()
    page.keyboard.press("Escape")

    chosen(page, row, "Turn the account off")
    page.get_by_role("dialog", name=f"Let {name} in no more?").get_by_role("button", name="Turn off").press("Enter")
    expect(row).to_contain_text("turned off")
    assert asks(site, key).status_code == 401
    chosen(page, row, "Turn the account on")
    expect(dialog.get_by_role("status").first).to_have_text(f"{name} is let in again.")
    assert asks(site, key).status_code == 200
    chosen(page, row, "Change the name")
    renamed = page.get_by_role("dialog", name=name)
    renamed.get_by_label("Name").fill(f"{name} 2")
    renamed.get_by_role("button", name="Save").press("Enter")
    expect(row).to_contain_text(f"{name} 2")
    expect(row.get_by_role("button")).to_be_focused()
    chosen(page, row, "Delete the account")
    sure = page.get_by_role("dialog", name=f"Delete {name} 2?")
    sure.get_by_role("button", name="Delete").press("Enter")
    expect(row).to_have_count(0)
    expect(add).to_be_focused()
    assert asks(site, key).status_code == 401


def test_one_person_gets_a_budget(page: Page, site: Site, troubles: Troubles) -> None:
    troubles.forgive("404 (Not Found)")  # a budget that was none
    email = f"rich-{uuid4().hex[:8]}@example.org"
    registered(site, email)
    dialog = open_administration(page)
    dialog.get_by_label("Search people").fill(email)
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    person_menu(page, dialog, email, "Usage and budget")
    budget = page.get_by_role("dialog", name=f"Usage and budget of {email}")
    expect(budget.get_by_text("Nothing was used.")).to_be_visible()
    expect(budget.get_by_label("Tokens in a day")).to_have_value("")
    expect(budget.get_by_text("Empty or 0: as much as they like.").first).to_be_visible()
    budget.get_by_label("Tokens in a day").fill("5000")
    budget.get_by_label("US dollars in a day").fill("2.5")
    budget.get_by_role("button", name="Save").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(f"{email} has another budget.")

    dialog.get_by_label("Usage").check(force=True)
    row = dialog.get_by_role("listitem").filter(has_text=email)
    expect(row).to_contain_text("5,000 tokens a day · $2.50 a day")
    assert_fits_a_phone(page)
    row.get_by_role("button").press("Enter")
    left = budget.get_by_role("region", name="Left for today")
    expect(left).to_contain_text("5,000 of 5,000")
    expect(left).to_contain_text(email)
    budget.get_by_label("By model").check(force=True)
    expect(budget.get_by_text("Nothing was used.")).to_be_visible()
    assert_fits_a_phone(page)
    budget.get_by_label("Tokens in a day").fill("0")
    budget.get_by_label("US dollars in a day").fill("")
    with page.expect_request(lambda request: request.method == "POST" and "budgets" in request.url) as saved:
        budget.get_by_role("button", name="Save").press("Enter")
    assert saved.value.post_data_json == {"email": email, "daily_tokens": 0, "daily_cost": None}
    expect(row).to_contain_text("any number of tokens")
    row.get_by_role("button").press("Enter")
    budget.get_by_label("Tokens in a day").fill("")
    budget.get_by_role("button", name="Save").press("Enter")
    expect(row).to_have_count(0)
