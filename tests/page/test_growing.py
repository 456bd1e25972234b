"""An answer while it grows: at each moment as if what is there of it had come at once."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.harness.server import Site

TEXTS = {
    "words": "Some words, of it. Next: don't stop; the well-known 2 of 3! And so on\n\nAnother one ends here",
    "marks": "He said *this and that* and **bold words** here, `code it` and ~~gone now~~ then a_b_c d"
    "\n1. one\n10. ten\n- a\n",
    "links": "See https://example.org/a. Then www.example.org and me@example.org or "
    "[a link here](https://b.example 'one of') end",
    "lines": "One line\nanother  \nthird\n\nOne\n===\n\nTwo words\n-"
    "\n\n- [ ] to do\n- [x] done\n  more of it\n\n> said so\nlazy too\n",
    "tables": "| one | two |\n|---|---|\n| a b | c d |\n| e | f | g |\n\nbehind it",
    "notes": "A claim[^1] here\n\n[^1]: what it rests on\n\n[place]: https://c.example\nand more",
    "html": "Then <b>bold</b> &amp; co &lt; it <div>\nmore words\n</div> a < b",
    "tags": "H<sub>2</sub>O and a<br>b <!-- not\nseen --> then `<!--` and <b>x</b> 1 < 2"
    "\n\n<!-- gone -->\n\n- <kbd>C</kbd> c\n\n<details>\n<summary>More *of* it</summary>\n\n"
    "Some words\n\n- of it\n</details>\nbehind it",
    "math": "So \\(a b\\) and $x y$ then $$\na b c\n$$\nfor $5 and more",
    "others": "שלום עולם, מה שלומך. \u200fעוד מילה \n\n我们是，好的。那么 **好的**，再见 👩\u200d👩\u200d👧 end",
}  # fmt: skip
# Each text, by pieces of so many characters. Answers the first beginning that was never shown as it is when it comes at
# once.
GROW = r"""async ([address, text, size]) => {
  const { LiveMarkdown } = await import(address);
  const shown = (root) => root.innerHTML.replace(/\s+(?=<|$)/g, "");
  const growing = document.body.appendChild(document.createElement("div"));
  const live = new LiveMarkdown(growing);
  for (let end = size; end < text.length + size; end += size) {
    const sofar = text.slice(0, end);
    const whole = document.createElement("div");
    new LiveMarkdown(whole).update(sofar);
    live.update(sofar);
    for (let tries = 0; shown(growing) !== shown(whole); tries += 1) {
      if (tries === 2_000) return [sofar, shown(growing), shown(whole)];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  growing.remove();
  return null;
}"""
# What stands there at once, and what is marked in it, when only words have come since the last rendering.
APPEND = """async ([address]) => {
  const { LiveMarkdown } = await import(address);
  const root = document.body.appendChild(document.createElement("div"));
  const live = new LiveMarkdown(root);
  live.update("- **Some** words of");
  const node = root.querySelector("li").lastChild;
  getSelection().setBaseAndExtent(node, 1, node, 6);
  live.update("- **Some** words of it, and");
  live.update("- **Some** words of it, and more of them. Then others");
  const said = [root.textContent.trim(), getSelection().toString(), root.querySelector("li").lastChild === node];
  root.remove();
  return said;
}"""

# How its last paragraph finds its direction while it grows, and at its end.
BOTH_WAYS = """async ([address, pieces]) => {
  const { LiveMarkdown } = await import(address);
  const root = document.body.appendChild(document.createElement("div"));
  root.className = "markdown";
  const live = new LiveMarkdown(root);
  const how = () => getComputedStyle(root.lastElementChild).unicodeBidi;
  pieces.forEach((_, index) => live.update(pieces.slice(0, index + 1).join("")));
  const growing = how();
  live.finish(pieces.join(""));
  const end = how();
  root.remove();
  return [growing, end];
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """One for all: what is asked of it is a module, and leaves nothing behind."""
    page = browser.new_page(service_workers="block")
    page.goto(site.url)
    yield page
    page.close()


@pytest.mark.parametrize("name", TEXTS)
def test_what_grows_is_shown_as_if_it_had_come_at_once(page: Page, name: str) -> None:
    for size in (1, 3, 7):
        assert page.evaluate(GROW, [module(page), TEXTS[name], size]) is None


def test_words_are_there_at_once_and_what_is_marked_stays_marked(page: Page) -> None:
    text, marked, same = page.evaluate(APPEND, [module(page)])
    assert text == "Some words of it, and more of them. Then others"
    assert (marked, same) == ("words", True)


@pytest.mark.parametrize(
    ("pieces", "direction"),
    [
        (["Some words", " of it"], "normal"),
        (["Some words", " of it\n\nשלום", " עולם"], "plaintext"),
        (["שלום\n\n", "Some words"], "plaintext"),
        (["Some", " &r", "lm; words"], "plaintext"),
    ],
)
def test_what_runs_from_right_to_left_does_so_while_it_grows(page: Page, pieces: list[str], direction: str) -> None:
    """And at its end no line is laid out again."""
    assert page.evaluate(BOTH_WAYS, [module(page), pieces]) == [direction, direction]


def module(page: Page) -> str:
    found = re.search(r"/static/chat-[0-9a-f]+/", page.content())
    assert found
    return f"{found[0]}livemarkdown.js"
