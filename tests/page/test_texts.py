"""The page speaks the languages that it offers, all of it."""

import json
import os
import re
import subprocess

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.harness.server import Site
from tests.page.conftest import VIEW, Troubles, assert_accessible, say
from tests.page.test_store import HERE, node

STATIC = HERE.parents[1] / "chat_app" / "static" / "chat"
TEMPLATE = HERE.parents[1] / "chat_app" / "templates" / "chat" / "index.html"
MODULES = [
    path
    for path in sorted(STATIC.rglob("*.js"))
    if not {"vendor", "texts"} & set(path.parts) and path.name not in ("texts.js", "language.js", "worker.js")
]
_STRING = r'"((?:[^"\\]|\\.)*)"'
_CALL = rf"(?<![\w.#])t\(\s*{_STRING}"
# A string with a space between words, or that begins as a sentence does: what a person would read.
READ = re.compile(r"^[A-Z][a-z]+[ .…?!]|^[A-Za-z“][\w'’“”,{}$-]*( [\w'’“”,{}$-]+)+[.…?!]$")
MADE = re.compile(r"^(?!Bearer)[A-Z][a-z]+ \$\{|\} [a-z]{3,}\b[^>]*$")
NO_TEXT = {"Escape", "Chat Juicer", "Mac OS X", "noopener noreferrer"}


def test_every_text_stands_in_the_file_in_all_languages() -> None:
    used = {text for path in MODULES for text in re.findall(_CALL, path.read_text())}
    page = TEMPLATE.read_text()
    body = page[page.index('<main id="signin"') :]
    used |= set(re.findall(r'data-text="([^"]+)"', page))
    used |= set(re.findall(r'\s(?:aria-label|title|placeholder)="([^"]+)"', body))
    done = subprocess.run(
        [node(), "--test", "--test-reporter=spec", str(HERE / "texts.test.mjs")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NODE_OPTIONS": "", "USED": json.dumps(sorted(used))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped 0" in done.stdout


def test_no_text_stands_in_a_module() -> None:
    assert {path.name: found for path in MODULES if (found := texts_in(path.read_text()))} == {}


def texts_in(code: str) -> list[str]:
    """What looks as if a person were to read it, and is not translated."""
    lines = [re.sub(r"^\s*(//|\*|/\*\*).*|\s//\s.*$|^import .*|new Error\(.*", "", line) for line in code.splitlines()]
    rest = re.sub(rf"{_CALL}|class:\s*({_STRING}|`[^`]*`)", "", "\n".join(lines))
    made = [text for text in re.findall(r"`([^`\n]*)`", rest) if MADE.search(text)]
    plain = re.findall(_STRING, re.sub(r"`[^`\n]*`", "", rest))
    return made + [text for text in plain if READ.search(text) and text not in NO_TEXT]


def test_no_text_stands_bare_in_the_template() -> None:
    """Each is named by `data-text`, where the script finds it."""
    page = TEMPLATE.read_text()
    body = re.sub(r"<noscript>.*?</noscript>|\{%.*?%\}|\{\{.*?\}\}", "", page[page.index("<body") :])
    bare = [text for tag, text in re.findall(r"<([^<>]*)>([^<>]*[A-Za-z]{2}[^<>]*)", body) if "data-text" not in tag]
    assert [text.strip() for text in bare if text.strip() not in named(body) and text.strip() != "Chat Juicer"] == []


def named(body: str) -> set[str]:
    return set(re.findall(r'data-text="([^"]+)"', body))


@pytest.mark.parametrize(
    ("locale", "direction", "field", "send"),
    [("de-DE", "ltr", "Nachricht", "Senden"), ("he-IL", "rtl", "הודעה", "שליחה")],
)
def test_the_page_speaks_the_browsers_language(
    browser: Browser, site: Site, troubles: Troubles, locale: str, direction: str, field: str, send: str
) -> None:
    context = browser.new_context(viewport=VIEW, locale=locale, service_workers="block")
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    expect(page.locator("html")).to_have_attribute("dir", direction)
    expect(page.get_by_label(field, exact=True)).to_be_focused()
    expect(page.get_by_role("button", name=send, exact=True)).to_be_attached()
    page.keyboard.type("say 2 words")
    page.keyboard.press("Enter")
    expect(page.locator(".message.assistant .markdown")).to_have_text("word1 word2")
    assert page.evaluate("document.documentElement.scrollWidth") <= VIEW["width"]
    sidebar = page.locator("#sidebar").bounding_box()
    assert sidebar is not None
    assert (sidebar["x"] > VIEW["width"] / 2) == (direction == "rtl")
    assert_accessible(page)
    context.close()


def test_a_person_chooses_the_language(page: Page) -> None:
    say(page, "say 2 words")
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").click()
    page.get_by_role("radio", name="Deutsch").click()
    expect(page.get_by_label("Nachricht", exact=True)).to_be_visible()
    expect(page.get_by_role("article", name="Antwort")).to_have_text("word1 word2")
    page.get_by_role("button", name="Einstellungen und mehr").click()
    page.get_by_role("menuitem", name="Einstellungen").click()
    page.get_by_role("radio", name="Automatisch").click()
    expect(page.get_by_label("Message", exact=True)).to_be_visible()
