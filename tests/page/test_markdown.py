"""An answer looks as its Markdown means it: formulas, tags, tables, whichever way they run; and so it is copied."""

import pytest
from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Page, expect

from tests.harness.server import Site
from tests.page.conftest import VIEW, Troubles, answer, assert_accessible, message_field, say, until_idle

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
    expect(answer(page)).to_contain_text("no formula yet")
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


TAGS = """Tags.

| name | lines |
|---|---|
| one<br>two | a<br/>b |

- H<sub>2</sub>O, press <kbd>Ctrl</kbd> or <mark>this</mark>
- <b>raw</b> <sub onclick="x()">no <kbd>< a <img src=x onerror=alert(1)></kbd>

<!-- not
seen -->
Before <!-- nor this --> after.

<details>
<summary>More about **it**</summary>

- an *inner* list

```html
</details>
```

</details>

The end <!-- is open"""


def test_a_few_harmless_tags_mean_what_they_say_and_all_others_are_text(page: Page) -> None:
    say(page, TAGS)
    expect(answer(page)).to_contain_text("The end <!-- is open")
    until_idle(page)
    text = answer(page).locator(".markdown")
    expect(text.locator("td").first).to_have_text("onetwo")
    expect(text.locator("td br")).to_have_count(2)
    for tag, words in {"sub": "2", "mark": "this", "summary": "More about it", "summary strong": "it"}.items():
        expect(text.locator(tag)).to_have_text(words)
    expect(text.locator("kbd").first).to_have_text("Ctrl")
    expect(text).to_contain_text('<b>raw</b> <sub onclick="x()">no')
    expect(text).to_contain_text("< a <img src=x onerror=alert(1)>")
    expect(text).to_contain_text("Before after.")
    expect(text.locator("img, [onclick], b")).to_have_count(0)
    expect(text.locator("details li")).to_be_hidden()
    text.locator("summary").click()
    expect(text.locator("details li em")).to_be_visible()
    expect(text.locator("details code")).to_have_text("</details>\n")
    assert_accessible(page)


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
| c<br>d | $x^2$ |

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


BOTH = """x

1. first item.
2. שני.

> A quote.

| one | two |
|---|---|
| a | b |

$x$ הוא מספר.

1. ראשון.
2. second.

> ציטוט.

| אחת | שתיים |
|---|---|
| א | ב |"""


@pytest.mark.parametrize("locale", ["en-US", "he-IL"])
def test_lists_quotes_and_tables_run_as_their_words_do_whatever_the_page_does(
    browser: Browser, site: Site, troubles: Troubles, locale: str
) -> None:
    context = browser.new_context(viewport=VIEW, locale=locale, service_workers="block")
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    page.locator("#composer-input").fill(BOTH)
    page.keyboard.press("Enter")
    text = page.locator(".message.assistant .markdown")
    expect(text.locator("table")).to_have_count(2)
    expect(text.locator(".formula")).to_have_count(1)
    expect(page.locator("#composer-stop")).to_be_hidden()
    page.evaluate("document.fonts.ready.then(() => true)")
    for index, side in enumerate(("left", "right")):
        expect(text.locator("ol").nth(index)).to_have_css("direction", "ltr" if side == "left" else "rtl")
        for item in text.locator("ol").nth(index).locator("li").all():
            expect(item).to_have_css("text-align", side)
        expect(text.locator("blockquote").nth(index)).to_have_css(f"border-{side}-width", "3px")
        table = text.locator("table").nth(index)
        first, second = (place_of(cell)["x"] for cell in table.locator("th").all())
        assert (first < second) is (side == "left")
        edges = [(each["x"], each["x"] + each["width"])[index] for each in map(place_of, (table, text))]
        assert abs(edges[0] - edges[1]) < 2
    assert text.locator("p", has_text="מספר").evaluate("node => node.matches(':dir(rtl)')")
    context.close()


WIDE = """Columns:

| Feature | Price per month and seat | Remarks | Somebody | Understandability | Accessibility |
|---|---|---|---|---|---|
| Branches | 12 345.67 EUR | Some text that is long and wraps within its cell | yes | no | maybe |"""


def test_a_wide_table_keeps_words_together_and_fades_where_there_is_more(phone: BrowserContext, site: Site) -> None:
    page = phone.new_page()
    page.goto(site.url)
    message_field(page).fill(WIDE)
    page.get_by_role("button", name="Send", exact=True).click()
    table = answer(page).get_by_role("group", name="Table")
    assert place_of(table.locator("td").nth(2))["width"] > 180
    assert place_of(table.locator("td").nth(1))["width"] > 100
    for scrolled, sides in ((0, "end"), (40, "start end"), (10_000, "start")):
        table.evaluate("(box, by) => box.scrollTo(by, 0)", scrolled)
        expect(table).to_have_attribute("data-more", sides)
        expect(table).not_to_have_css("mask-image", "none")


TARGETS = "A claim[^1].\n\n```js\nlet a;\n```\n\n[^1]: What it rests on."
# Where a finger that misses the middle by so much still lands on it.
HIT = """(node, [across, down]) => {
  node.scrollIntoView({ block: "center" });
  const { x, y, width, height } = node.getBoundingClientRect();
  const [left, top] = [x + width / 2, y + height / 2];
  const reached = [[-across, 0], [across, 0], [0, -down], [0, down]];
  return reached.every(([by, below]) => document.elementFromPoint(left + by, top + below)?.closest("button") === node);
}"""


def test_a_finger_meets_what_can_be_pressed_in_an_answer(phone: BrowserContext, site: Site) -> None:
    page = phone.new_page()
    page.goto(site.url)
    message_field(page).fill(TARGETS)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(answer(page).locator(".note-press")).to_have_count(2)
    for note in answer(page).locator(".note-press").all():
        assert note.evaluate(HIT, [11.5, 11.5])
    for act in answer(page).locator(".code-act").all():
        place = place_of(act)
        assert min(place["width"], place["height"]) >= 44


LONG = "\n".join(f"line {number}" for number in range(1, 60))


def test_a_long_message_of_one_s_own_is_folded_and_edited_in_half_the_window(page: Page) -> None:
    say(page, LONG)
    expect(answer(page)).to_contain_text("line 59")
    until_idle(page)
    mine = page.get_by_role("article", name="You")
    assert place_of(mine.locator(".plain"))["height"] < 400
    unfold = mine.get_by_role("button", name="Show more")
    expect(unfold).to_have_attribute("aria-expanded", "false")
    assert_accessible(page)
    unfold.click()
    assert place_of(mine.locator(".plain"))["height"] > 1_000
    mine.hover()
    mine.get_by_role("button", name="Edit message").click()
    expect(mine.get_by_role("button", name="Fold")).to_be_hidden()
    assert place_of(mine.get_by_label("Edit message").first)["height"] <= VIEW["height"] / 2
    expect(mine.get_by_role("button", name="Send")).to_be_in_viewport()
    mine.get_by_role("button", name="Cancel").click()
    mine.get_by_role("button", name="Fold").click()
    assert place_of(mine.locator(".plain"))["height"] < 400
    say(page, "short")
    expect(page.get_by_role("log").get_by_role("button", name="Show more")).to_have_count(1)


def test_the_result_of_a_tool_opens_by_arrows_and_stands_on_one_line_with_its_name(page: Page) -> None:
    say(page, 'tool list_directory {"path": "."}; echo Listed.')
    expect(answer(page)).to_contain_text("Listed.")
    tool = page.locator(".tool").last
    bottoms = tool.evaluate(BASELINES)
    assert abs(bottoms[0] - bottoms[1]) < 0.6
    tool.locator("summary").first.click()
    expect(tool.locator(".tree summary").first).to_have_css("display", "list-item")


BASELINES = """(node) => ["summary code", ".tool-status"].map((name) => {
  const mark = document.createElement("i");
  mark.style.display = "inline-block";
  node.querySelector(name).append(mark);
  const { bottom } = mark.getBoundingClientRect();
  mark.remove();
  return bottom;
})"""

# Rows are made anew with each change.
BEFORE = """() => {
  const mark = document.querySelector(".row.active .row-mark");
  const title = [...(mark?.parentElement.childNodes ?? [])].find(({ textContent }) => textContent === "שלום עולם");
  if (!title) return false;
  const words = document.createRange();
  words.selectNodeContents(title);
  const gap = words.getBoundingClientRect().left - mark.getBoundingClientRect().right;
  return gap >= 4 && gap <= 10;
}"""


def test_the_mark_of_a_chat_stands_before_its_title_whichever_way_that_runs(page: Page) -> None:
    say(page, "שלום עולם")
    expect(answer(page)).to_contain_text("שלום עולם")
    until_idle(page)
    say(page, "pace 1; say 100 words")
    page.wait_for_function(BEFORE)
    page.get_by_role("button", name="Stop the answer").click()
    until_idle(page)
