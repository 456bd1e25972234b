"""What somebody does with their own account, on a server of its own that sends mail."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.page.conftest import SIGNED_IN, Troubles, assert_accessible, message_field


@pytest.fixture(scope="module")
def mailing(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """It writes its mails to files; see `Post`."""
    folder = tmp_path_factory.mktemp("mails")
    with Site("sqlite", provider.url, 1, EMAIL_URL=f"file://{folder}", ALLOW_LOCALHOST_NOAUTH="false") as site:
        yield site


def signed_in(site: Site, context: BrowserContext, troubles: Troubles, token: str) -> Page:
    context.add_init_script(SIGNED_IN % f'"{token}"')
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(message_field(page)).to_be_focused()
    return page


def token_of(site: Site, email: str, password: str, way: str = "login") -> str:
    given = {"email": email, "password": password}
    answer = httpx.post(f"{site.url}/api/auth/{way}", json=given, trust_env=False)
    return str(answer.raise_for_status().json()["refresh_token"])


def open_settings(page: Page) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").press("Enter")
    return page.get_by_role("dialog", name="Settings")


def test_the_last_administrator_is_told_why_they_stay(
    mailing: Site, stranger: BrowserContext, troubles: Troubles
) -> None:
    troubles.forgive("409 (Conflict)")
    token_of(mailing, "ben@example.org", "a battery of horses", "register")
    page = signed_in(mailing, stranger, troubles, token_of(mailing, EMAIL, PASSWORD))
    settings = open_settings(page)
    settings.get_by_text("Delete the account", exact=True).first.click()
    settings.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    settings.get_by_role("button", name="Delete the account").press("Enter")
    page.get_by_role("dialog", name="Delete the account?").get_by_role("button", name="Delete").press("Enter")
    expect(settings.locator(".form-said.problem")).to_have_text(
        "Nobody else could administer this server: make another administrator first."
    )
    assert_accessible(page)
    assert token_of(mailing, EMAIL, PASSWORD)
