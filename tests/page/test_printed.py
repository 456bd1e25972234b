"""A conversation on paper: an export, and a shared page, which have one style."""

import json
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser

from tests.harness.server import Site
from tests.harness.services import until

AT = "2026-01-01T00:00:00Z"
LONG = "x" * 300 + " THE-END"
CUT = """[...document.querySelectorAll("pre")].filter((pre) =>
  !pre.checkVisibility({contentVisibilityAuto: true}) || !pre.getClientRects().length || !pre.offsetHeight
  || pre.scrollWidth > pre.clientWidth).map((pre) => pre.textContent)"""


@pytest.mark.parametrize("is_shared", [False, True])
def test_nothing_is_hidden_or_cut_off(browser: Browser, site: Site, is_shared: bool) -> None:
    times = {"created_at": AT, "updated_at": AT}
    call = {"tool_name": "look_up", "tool_arguments": LONG, "tool_result": LONG, "tool_success": True}
    said = {
        "format": "chatjuicer-conversation",
        "version": 1,
        "session": {"kind": "session", "origin": uuid4().hex, "session_id": (name := uuid4().hex), **times},
        "messages": [
            {"kind": "message", "id": 1, "role": "tool_call", "created_at": AT, **call},
            {"kind": "message", "id": 2, "role": "assistant", "created_at": AT,
             "content": f"```\n{LONG}\n```\n\n$$\\sqrt{{{'+'.join('abcdefghij' * 2)}}}$$"},
        ],
    }  # fmt: skip
    with httpx.Client(base_url=site.url, trust_env=False) as api:
        assert api.post("/api/import", files={"file": json.dumps(said).encode()}).json()["imported"] == 1
        path = f"/api/sessions/{name}/export?format=html"
        address = api.post(f"/api/sessions/{name}/share").json()["url"] if is_shared else path
        html = api.get(address).text
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.set_content(html)
    assert page.evaluate(CUT)  # on a screen, calls of tools are closed, and code is scrolled
    assert page.locator("math").bounding_box()
    page.emulate_media(media="print")
    until(lambda: page.evaluate(CUT) == [], "all is on the paper")  # what was closed is laid out with the next frame
    page.close()
