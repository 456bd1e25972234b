"""What the JavaScript client does by means that browsers alone have."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.harness.server import Site
from tests.page.conftest import Troubles

# An upload as a program makes it: how it was refused, and what is there then.
UPLOAD = """async ([place, givenUp]) => {
  const { Client } = await import(`${place}client/index.js`);
  const client = new Client();
  await client.auth.start();
  const { session_id } = await client.sessions.create();
  const { files } = client.session(session_id);
  const signal = givenUp ? AbortSignal.abort() : undefined;
  const { code, retryAfter } = await files.upload(new Blob(["x"]), { name: "x", signal }).catch((error) => error);
  return [code, retryAfter, await files.list()];
}"""


@pytest.fixture
def page(local: BrowserContext, site: Site, troubles: Troubles) -> Page:
    page = troubles.watch(local.new_page())
    page.goto(site.url)
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    return page


def test_an_upload_that_was_given_up_before_it_began_is_not_made(page: Page) -> None:
    assert upload(page, given_up=True) == ["unreachable", None, []]


def test_a_refused_upload_says_when_to_come_again(page: Page, troubles: Troubles) -> None:
    troubles.forgive("429 (Too Many Requests)")
    refusal = {"message": "Too many requests.", "error": {"code": "rate_limited"}}
    page.route("**/files/upload*", lambda route: route.fulfill(status=429, headers={"Retry-After": "7"}, json=refusal))
    assert upload(page) == ["rate_limited", 7, []]


def upload(page: Page, *, given_up: bool = False) -> Any:
    found = re.search(r"/static/chat-[0-9a-f]+/", page.content())
    assert found
    return page.evaluate(UPLOAD, [found[0], given_up])
