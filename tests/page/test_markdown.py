"""An answer looks as its Markdown means it: formulas, tags, tables, whichever way they run; and so it is copied."""

from playwright.sync_api import BrowserContext, FloatRect, Locator, Page, expect

from tests.page.conftest import Troubles, answer, assert_accessible, say, until_idle

FORMULAS = r"""Letters $\mathbb{R}$, $\mathcal{L}$, $\mathfrak{g}$ and $\boldsymbol{\alpha}$.

$$\overline{abc} \underbrace{a+b}_{c} \vec{E} \left(\begin{matrix}1\\2\\3\\4\\5\\6\end{matrix}\right)$$

$$\begin{aligned} a &= b + c \\ &= d + e \end{aligned}$$

$$\text{שלום} = \nonsense{x}$$

A half $\frac{1}{2}$ at the end."""
# Fonts that have come, of those that letters of the answer name.
FONTS = """async (node) => {
  await document.fonts.ready;
  const loaded = new Set([...document.fonts].filter(({ status }) => status === "loaded").map(({ family }) => family));
  const named = (letters) => getComputedStyle(node.querySelector(letters)).fontFamily;
  return ["mathbb", "mathcal", "mathfrak", "boldsymbol"].map((name) => named(`.${name}`)).every((font) =>
    [...loaded].some((family) => font.includes(family.replaceAll('"', ""))));
}"""
COPIED = """(node) => {
  let said = null;
  const kinds = ["text/plain", "text/html"];
  const hear = ({ clipboardData }) => { said = kinds.map((kind) => clipboardData.getData(kind)); };
  window.addEventListener("copy", hear);
  const range = document.createRange();
  range.setStart(node.querySelector("p"), 0);
  const walker = document.createTreeWalker([...node.querySelectorAll(".katex-html")].at(-1), NodeFilter.SHOW_TEXT);
  range.setEnd(walker.nextNode(), 0);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  document.execCommand("copy");
  window.removeEventListener("copy", hear);
  return said;
}"""


def place_of(node: Locator) -> FloatRect:
    place = node.bounding_box()
    assert place
    return place


def test_formulas_have_the_letters_lines_and_columns_that_they_mean(page: Page, troubles: Troubles) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    say(page, "no formula yet")
    until_idle(page)
    assert [url for url in asked if "katex" in url] == []
    say(page, FORMULAS)
    expect(answer(page).locator(".katex-html")).to_have_count(7)
    until_idle(page)
    assert answer(page).evaluate(FONTS)
    for line in ("overline-line", "katex-stretchy"):  # as long as what is below or above it
        assert place_of(answer(page).locator(f".{line}").first)["width"] > 20
    first, second = answer(page).locator(".katex-html .mrel").all()[:2]
    assert abs(place_of(first)["x"] - place_of(second)["x"]) < 1
    expect(answer(page).locator("math")).to_have_count(7)  # for those who listen
    assert_accessible(page)
    text, html = answer(page).locator(".markdown").evaluate(COPIED)
    assert r"Letters $\mathbb{R}$, $\mathcal{L}$" in text
    assert "$$\\begin{aligned} a &= b + c \\\\ &= d + e \\end{aligned}$$" in text
    assert text.endswith(r"A half $\frac{1}{2}$")
    assert "katex" not in html
    assert troubles.serious == []


MANY = r"""First *words*.

2. two `code`
3. three
   - [x] inner

```js
let a = 1;

let b;
```

| a | b |
|---|---|
| c d | $x^2$ |

> quoted
> twice

See [guide.md] and [^1].

[^1]: What it rests on."""
PLAIN = """First words.

2. two code
3. three
   - [x] inner

let a = 1;

let b;

a\tb
c d\t$x^2$

> quoted
> twice

See [guide.md] and [1].

[1] What it rests on."""


def test_an_answer_is_copied_as_text_that_keeps_its_marks_and_as_html(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    say(page, MANY)
    expect(answer(page)).to_contain_text("What it rests on.")
    until_idle(page)
    expect(answer(page).locator(".formula")).to_have_count(1)
    answer(page).get_by_role("button", name="Copy answer").click()
    expect(answer(page).locator(".copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"You said: {PLAIN}"
    html = page.evaluate(
        "navigator.clipboard.read().then(([item]) => item.getType('text/html')).then((blob) => blob.text())"
    )
    assert "<pre><code>let a = 1;" in html.replace(' dir="ltr"', "")
    assert "<em>words</em>" in html
    assert "$x^2$" in html
    assert not {"button", "class=", "Copy"} & {word for word in ("button", "class=", "Copy") if word in html}
