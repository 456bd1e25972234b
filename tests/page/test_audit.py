"""The audit log, as administrators see it in the page."""

import json
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.harness.server import Site
from tests.page.conftest import Troubles, assert_accessible, may_sign_in, registered
from tests.page.test_administration import assert_fits_a_phone, open_administration


def test_who_did_what_is_found_verified_and_taken_along(page: Page, site: Site, troubles: Troubles) -> None:
    troubles.forgive("400 (Bad Request)")  # of a search that the server does not understand
    email = f"nora-{uuid4().hex[:8]}@example.org"
    registered(site, email)
    assert may_sign_in(site, email)
    dialog = open_administration(page)
    dialog.get_by_label("Audit log").check(force=True)
    dialog.get_by_label("Who").fill(email.partition("@")[0].upper())
    rows = dialog.get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text(f"{email} signed in")
    expect(rows.last).to_contain_text("nobody who is known made an account")
    rows.last.locator("summary").press("Enter")
    expect(rows.last.get_by_role("definition").filter(has_text="account_created")).to_be_visible()
    expect(rows.last.get_by_role("definition").filter(has_text=email)).to_be_visible()
    assert_fits_a_phone(page)

    dialog.get_by_role("button", name="What: Everything").press("Enter")
    page.get_by_role("menuitem", name="made an account").press("Enter")
    expect(rows).to_have_count(1)
    dialog.get_by_label("To").fill("2020-01-31")
    expect(dialog.get_by_role("status")).to_have_text("There is no such line.")
    dialog.get_by_label("To").fill("2999-01-31")
    dialog.get_by_label("From").fill("2020-01-31")
    expect(rows).to_have_count(1)
    with page.expect_download() as taken:
        dialog.get_by_role("button", name="Export as JSON lines").press("Enter")
    assert taken.value.suggested_filename == "audit.jsonl"
    told = [json.loads(line) for line in Path(taken.value.path()).read_text().splitlines()]
    assert [line["action"] for line in told] == ["account_created"]

    dialog.get_by_role("button", name="Verify all lines").press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("lines, each as it was written.")
    broken = {"lines": 9, "broken_at": 7, "digest": ""}
    page.route("**/api/audit/chain", lambda route: route.fulfill(json=broken))
    dialog.get_by_role("button", name="Verify all lines").press("Enter")
    expect(dialog.locator(".form-said.problem")).to_have_text(
        "The log was changed: line 7 does not follow the one before it."
    )
    assert_accessible(page)


def test_older_lines_come_when_they_are_wanted(page: Page, site: Site) -> None:
    """To the keyboard, too: the focus goes to the first of them."""
    email = f"busy-{uuid4().hex[:8]}@example.org"
    registered(site, email)
    for _ in range(101):
        assert may_sign_in(site, email)
    dialog = open_administration(page)
    dialog.get_by_label("Audit log").check(force=True)
    with page.expect_response(lambda answer: "who=busy" in answer.url):
        dialog.get_by_label("Who").fill(email)
    rows = dialog.get_by_role("listitem")
    expect(dialog.locator(".audit-lines")).not_to_have_attribute("aria-busy", "true")
    expect(rows).to_have_count(100)
    dialog.get_by_role("button", name="Show more").press("Enter")
    expect(rows).to_have_count(103)
    expect(rows.nth(100).locator("summary")).to_be_focused()
    expect(dialog.get_by_role("button", name="Show more")).to_be_hidden()
