"""What somebody does with their own account, on a server of its own that sends mail."""

import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pyotp
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.services import until
from tests.page.conftest import (
    SIGNED_IN,
    Troubles,
    assert_accessible,
    may_sign_in,
    message_field,
    refresh_token,
    registered,
)
from tests.page.test_administration import assert_fits_a_phone

ISSUER = "https://id.example"
ACME = json.dumps({"acme": {"issuer": ISSUER, "client_id": "a", "client_secret": "b"}})


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mails")


@pytest.fixture(scope="module")
def mailing(provider: Provider, mails: Path) -> Iterator[Site]:
    """It writes its mails to files."""
    environment = {"EMAIL_URL": f"file:///{mails}", "ALLOW_LOCALHOST_NOAUTH": "false", "OIDC_PROVIDERS": ACME}
    with Site("sqlite", provider.url, 1, **environment) as site:
        yield site


def signed_in(site: Site, context: BrowserContext, troubles: Troubles, token: str) -> Page:
    context.add_init_script(SIGNED_IN % f'"{token}"')
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    return page


def open_settings(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").press("Enter")
    return page.get_by_role("dialog", name="Settings")


def test_the_last_administrator_is_told_why_they_stay(
    mailing: Site, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("409 (Conflict)")
    registered(mailing, "ben@example.org")
    page = signed_in(mailing, stranger, troubles, refresh_token(mailing, EMAIL))
    settings = open_settings(page)
    settings.get_by_text("Delete the account", exact=True).first.click()
    leaving = settings.locator("details.leaving")
    leaving.get_by_label("Current password").fill(PASSWORD)
    leaving.get_by_role("button", name="Delete the account").press("Enter")
    page.get_by_role("dialog", name="Delete the account?").get_by_role("button", name="Delete").press("Enter")
    expect(settings.locator(".form-said.problem")).to_have_text(
        "Nobody else could administer this server: make another administrator first."
    )
    assert_accessible(page)
    assert refresh_token(mailing, EMAIL)


BETWEEN_MAILS = b"-" * 79 + b"\n"  # as Django writes them


def mails_to(folder: Path, email: str) -> list[Message]:
    """The oldest first; two of one second may stand in one file."""
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    found = [message_from_bytes(text) for path in files for text in path.read_bytes().split(BETWEEN_MAILS) if text]
    return [mail for mail in found if mail["To"] == email]


def link_in(mail: Message, page: str) -> str:
    found = re.search(rf"http://\S+/{page}\?token=\S+", str(mail.get_payload()))
    assert found, mail
    return found[0]


def test_the_address_is_another_one_when_the_mail_to_it_was_answered(
    mailing: Site, mails: Path, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("403 (Forbidden)")
    troubles.forgive("400 (Bad Request)")
    name = uuid4().hex[:8]
    old, new = f"{name}@example.org", f"{name}@example.net"
    page = signed_in(mailing, stranger, troubles, registered(mailing, old))
    settings = open_settings(page)
    expect(settings.get_by_label("New e-mail address")).to_be_hidden()
    settings.get_by_text("Change the e-mail address", exact=True).press("Enter")
    settings.get_by_label("New e-mail address").fill(new)
    form = settings.locator("form").filter(has=page.get_by_label("New e-mail address"))
    form.get_by_label("Current password").fill("not mine at all")
    form.get_by_role("button", name="Send the mail").press("Enter")
    expect(form.locator(".form-said.problem")).to_have_text("The current password is wrong.")
    assert_fits_a_phone(page)
    form.get_by_label("Current password").fill(PASSWORD)
    form.get_by_role("button", name="Send the mail").press("Enter")
    expect(form.locator(".form-said")).to_contain_text(f"A mail is on its way to {new}.")
    until(lambda: bool(mails_to(mails, old)), "the old address is told")
    [mail] = mails_to(mails, new)
    address = link_in(mail, "confirm-email")

    confirming = troubles.watch(stranger.new_page())
    confirming.goto(address)
    expect(confirming.get_by_text(new)).to_be_visible()
    assert_accessible(confirming)
    assert not may_sign_in(mailing, new)
    confirming.get_by_role("button", name="Change it").press("Enter")
    expect(confirming.get_by_role("heading", name="The e-mail address is changed")).to_be_visible()
    assert_accessible(confirming)
    assert may_sign_in(mailing, new)
    assert not may_sign_in(mailing, old)
    confirming.goto(address)
    expect(confirming.get_by_role("alert")).to_contain_text("used before")
    assert_accessible(confirming)
    page.reload()
    expect(open_settings(page).get_by_label("E-mail", exact=True)).to_have_value(new)


def test_where_no_mail_is_sent_the_settings_say_who_changes_it(page: Page) -> None:
    settings = open_settings(page)
    settings.get_by_text("Change the e-mail address", exact=True).press("Enter")
    expect(settings.get_by_text("whoever administers it changes the address")).to_be_visible()
    expect(settings.get_by_label("New e-mail address")).to_have_count(0)
    assert_accessible(page)


def test_who_has_forgotten_the_password_chooses_another(
    mailing: Site, mails: Path, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("400 (Bad Request)")  # too common
    email, another = f"{uuid4().hex[:8]}@example.org", "a battery of correct horses"
    registered(mailing, email)
    page = troubles.watch(stranger.new_page())
    page.goto(mailing.url)
    page.get_by_role("button", name="Forgot the password?").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Send me the address").click()
    expect(page.get_by_text("is on its way to it")).to_be_visible()
    until(lambda: bool(mails_to(mails, email)), "the mail")
    page.goto(link_in(mails_to(mails, email)[0], "reset-password"))
    for password in ("password123", another):
        assert_accessible(page)
        page.get_by_role("textbox", name="New password").fill(password)
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_text("too common" if password != another else "is changed")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("textbox", name="Password").fill(another)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(message_field(page)).to_be_focused()


def test_who_has_no_password_is_asked_for_none(mailing: Site, stranger: BrowserContext, troubles: Troubles) -> None:
    """As the accounts are that come in by another server's word."""
    troubles.forgive("403 (Forbidden)")
    token = registered(mailing, f"{uuid4().hex[:8]}@example.org")
    page = signed_in(mailing, stranger, troubles, token)
    refusal = {"code": "sign_in_again", "message": "In the server's words.", "details": [], "request_id": ""}
    page.route("**/api/auth/me", lambda route: route.fulfill(json=route.fetch().json() | {"has_password": False}))
    page.route("**/api/auth/email", lambda route: route.fulfill(status=403, json={"error": refusal}))
    settings = open_settings(page)
    settings.get_by_text("Change the e-mail address", exact=True).press("Enter")
    form = settings.locator("form").filter(has=page.get_by_label("New e-mail address"))
    expect(settings.get_by_text("The account has no password")).to_be_visible()
    expect(form.get_by_label("Current password")).to_have_count(0)
    form.get_by_label("New e-mail address").fill("another@example.net")
    with page.expect_request("**/api/auth/email") as sent:
        form.get_by_role("button", name="Send the mail").press("Enter")
    assert sent.value.post_data_json == {"email": "another@example.net"}
    expect(form.locator(".form-said.problem")).to_have_text(
        "Sign out, sign in again, and repeat it within ten minutes."
    )
    assert_fits_a_phone(page)


def test_a_second_factor_is_set_up_by_what_an_authenticator_reads_renewed_and_switched_off(
    mailing: Site, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("403 (Forbidden)")
    email = f"{uuid4().hex[:8]}@example.org"
    page = signed_in(mailing, stranger, troubles, registered(mailing, email))
    section = open_settings(page).get_by_role("region", name="Second factor")
    switch_off = section.get_by_role("button", name="Switch off")
    expect(switch_off).to_have_count(0)
    section.get_by_role("button", name="Set up").press("Enter")
    code = section.get_by_role("img", name="QR code")
    expect(code).to_be_visible()
    assert_accessible(page)
    secret = section.get_by_label("Secret").input_value()
    assert parse_qs(urlsplit(read_qr_code(code.screenshot())).query)["secret"] == [secret]
    section.get_by_label("Code that it shows").fill(pyotp.TOTP(secret).now())
    section.get_by_role("button", name="Confirm").press("Enter")
    expect(section.get_by_text("Keep these codes")).to_be_visible()

    assert may_sign_in_by(mailing, email, section.locator("pre").inner_text().split()[0])
    page.reload()
    open_settings(page)
    expect(section.get_by_text("9 recovery codes are left.")).to_be_visible()
    renew = section.get_by_role("button", name="New recovery codes")
    renew.press("Enter")
    section.get_by_label("Current password").fill(PASSWORD)
    renew.press("Enter")
    expect(section.get_by_text("The old codes are good no more.")).to_be_visible()
    assert_accessible(page)
    assert may_sign_in_by(mailing, email, section.locator("pre").inner_text().split()[9])

    page.reload()
    open_settings(page)
    switch_off.press("Enter")
    section.get_by_label("Current password").fill("not the password")
    switch_off.press("Enter")
    expect(section.locator(".form-said.problem")).to_be_visible()
    section.get_by_label("Current password").fill(PASSWORD)
    switch_off.press("Enter")
    expect(section.get_by_role("button", name="Set up")).to_be_visible()
    assert_fits_a_phone(page)


def may_sign_in_by(site: Site, email: str, recovery_code: str) -> bool:
    body = {"email": email, "password": PASSWORD, "totp": recovery_code}
    return httpx.post(f"{site.url}/api/auth/login", json=body, trust_env=False).status_code == 200


def read_qr_code(picture: bytes) -> str:
    """What a camera would read."""
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return str(found.text)


def test_an_account_of_another_server_is_unlinked_while_something_else_lets_in(
    mailing: Site, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("409 (Conflict)")
    email = f"{uuid4().hex[:8]}@example.org"
    page = signed_in(mailing, stranger, troubles, registered(mailing, email))
    with page.expect_response("**/api/auth/identities"):
        settings = open_settings(page)
    expect(settings.get_by_role("region", name="Devices").get_by_text("this one")).to_be_visible()
    section = settings.get_by_role("region", name="Linked accounts")
    expect(section).to_have_count(0)

    link = (
        "INSERT INTO accounts_oidcidentity (user_id, issuer, subject, created_at) SELECT id, ?, ?, ? FROM accounts_user"
    )
    write(mailing, f"{link} WHERE email = ?", ISSUER, email, "2026-11-01 12:00:00", email)
    [(hashed,)] = write(mailing, "SELECT password FROM accounts_user WHERE email = ?", email)
    set_password = "UPDATE accounts_user SET password = ? WHERE email = ?"
    write(mailing, set_password, "!", email)
    page.reload()
    open_settings(page)
    expect(section.get_by_role("listitem")).to_contain_text("acme linked Nov 1, 2026")
    unlink = section.get_by_role("button", name="Unlink acme")
    unlink.press("Enter")
    expect(section.get_by_role("alert")).to_contain_text("Nothing else would let you in")
    assert_accessible(page)
    assert_fits_a_phone(page)
    write(mailing, set_password, hashed, email)
    unlink.press("Enter")
    expect(section).to_have_count(0)


def write(site: Site, statement: str, *values: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(Path(site.environment["DATA_DIR"]) / "app.db")) as database, database:
        return database.execute(statement, values).fetchall()
