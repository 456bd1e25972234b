"""What a browser does not run or show, seen in a browser."""

import http.server
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.threaded_http import HttpServer, Quiet

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c626001000000ffff03000006000557"
    "bfabd40000000049454e44ae426082"
)
# One control byte, by which the script is none to who looks at its first bytes.
SCRIPT = b"\x01;0\nwindow.hacked = true"
RUN = """address => new Promise(done => {
  const script = document.createElement("script");
  script.src = address;
  script.onload = script.onerror = () => done(window.hacked === true);
  document.head.append(script);
})"""
SHOW = """address => new Promise(done => {
  const picture = new Image();
  picture.onload = () => done(true);
  picture.onerror = () => done(false);
  picture.src = address;
})"""


@pytest.fixture
def local(browser: Browser) -> Iterator[BrowserContext]:
    """A browser on the server's own machine."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def owner(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, trust_env=False) as client:
        yield client


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[str]:
    """A page of another origin on the same machine."""
    (tmp_path / "index.html").write_text("<title>evil</title>")

    class Files(Quiet, http.server.SimpleHTTPRequestHandler):
        pass

    with HttpServer(partial(Files, directory=str(tmp_path))) as server:
        yield f"{server.url}/"


def upload(owner: httpx.Client, name: str, data: bytes) -> str:
    """The path of the file's bytes."""
    session = owner.post("/api/sessions", json={}).json()["session_id"]
    files = f"/api/sessions/{session}/files"
    owner.post(f"{files}/upload", files={"file": (name, data)}).raise_for_status()
    return f"{files}/{name}"


def complaints(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    return said


def test_an_uploaded_script_is_none(site: Site, local: BrowserContext, owner: httpx.Client) -> None:
    path = upload(owner, "picture.js", SCRIPT)
    signed = owner.get(f"{path}/presign-download").json()["download_url"]
    page = local.new_page()
    page.goto(site.url)
    for address in (f"{site.url}{path}/download", signed):
        assert httpx.get(address, trust_env=False).status_code == 200
        assert page.evaluate(RUN, address) is False


def test_a_page_elsewhere_shows_nothing_of_the_owner_s(
    site: Site, local: BrowserContext, owner: httpx.Client, foreign: str
) -> None:
    path = upload(owner, "picture.png", PNG)
    page = local.new_page()
    page.goto(site.url)
    assert page.evaluate(SHOW, f"{site.url}{path}/download") is True
    page.goto(foreign)
    assert page.evaluate(SHOW, f"{site.url}{path}/download") is False
    signed = owner.get(f"{path}/presign-download").json()["download_url"]
    assert page.evaluate(SHOW, signed) is True  # who has the address was given it


def test_the_admin_and_the_documentation_work_under_their_policies(site: Site, local: BrowserContext) -> None:
    page = local.new_page()
    said = complaints(page)
    page.goto(f"{site.url}/api/docs")
    page.get_by_text("Chat Juicer").first.wait_for()
    page.goto(f"{site.url}/admin/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password:", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Users").first.click()
    page.get_by_role("link", name=EMAIL).click()
    page.get_by_text("Rights").wait_for()
    assert said == []
    assert json.loads(httpx.get(f"{site.url}/api/config", trust_env=False).text)["version"]
