"""What an answer holds besides words: code, data, pages, notes."""

from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Route, expect

from chat_app.page_files import page_files
from tests.harness.server import PASSWORD, Site
from tests.page.conftest import Troubles, answer, assert_accessible, message_field, say, until_idle

CODE = "\n".join(f"print({number})" for number in range(50))
HELD = f"""A claim[^1] and data, without [^vowels].

```constructor
new Thing()
```

```csv
name,price
pen,2
"desk, large",300
```

```json
{{"kept": {{"deep": [1, 2]}}, "empty": null}}
```

```html
<h1>Made here</h1><script>fetch("/api/config").then(() => 0, () => document.body.append("no way out"))</script>
```

```svg
<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle r="20" cx="20" cy="20"/></svg>
```

```python
{CODE}
```

[^1]: What the claim rests on."""


def test_code_is_folded_wrapped_and_saved_and_data_shown_as_what_it_is(page: Page, troubles: Troubles) -> None:
    troubles.forgive("Content Security Policy")  # which keeps the made page from asking anybody
    troubles.forgive("The document is sandboxed")  # what signs the test in looks for storage in every frame
    say(page, HELD)
    expect(answer(page)).to_contain_text("What the claim rests on.")
    until_idle(page)
    expect(answer(page)).to_contain_text("without [^vowels].")
    page.reload()
    expect(answer(page)).to_contain_text("without [^vowels].")
    unfold = answer(page).get_by_role("button", name="Show all 50 lines")
    expect(unfold).to_be_visible()
    python = answer(page).locator(".code-block").filter(has_text="print(49)")
    with page.expect_download() as saved:
        python.get_by_role("button", name="Download the code").click()
    assert saved.value.suggested_filename == "code.py"
    assert Path(saved.value.path()).read_text().rstrip() == CODE
    python.get_by_role("button", name="Wrap long lines").click()
    expect(python.locator("code")).to_have_css("white-space", "pre-wrap")
    unfold.click()
    expect(python.get_by_role("button", name="Fold")).to_be_focused()

    answer(page).get_by_role("button", name="As a table").click()
    expect(answer(page).locator(".data-table td")).to_have_text(["pen", "2", "desk, large", "300"])
    answer(page).get_by_role("button", name="As a tree").click()
    answer(page).locator(".tree summary").filter(has_text="deep").click()
    expect(answer(page).locator(".tree .number")).to_have_text(["1", "2"])
    answer(page).get_by_role("button", name="As a picture").click()
    expect(answer(page).get_by_role("img", name="Picture of the answer")).to_be_visible()
    answer(page).get_by_role("button", name="As a page").click()
    made = answer(page).frame_locator("iframe.sandbox")
    expect(made.get_by_role("heading", name="Made here")).to_be_visible()
    expect(made.get_by_text("no way out")).to_be_visible()

    answer(page).get_by_role("button", name="Note 1", exact=True).click()
    expect(answer(page).get_by_role("button", name="Back to the place of note 1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(answer(page).get_by_role("button", name="Note 1", exact=True)).to_be_focused()
    assert_accessible(page)


DRAWN = """Two diagrams.

```mermaid
flowchart LR
  asked[Question] --> said["Answer <script>alert(1)</script>"]
```

```mermaid
flowchart LR
  asked --> [
```"""

PIXELS = """async (image, colour) => {
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, image.naturalWidth, image.naturalHeight);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += colour.every((part, index) => data[at + index] === part);
  return count;
}"""


def test_a_diagram_is_drawn_in_the_colours_of_the_page_and_its_code_is_there(page: Page, troubles: Troubles) -> None:
    troubles.forgive("The document is sandboxed")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    say(page, DRAWN)
    diagram = answer(page).get_by_role("img", name="Diagram of the answer")
    expect(diagram).to_be_visible(timeout=30_000)
    expect(answer(page).get_by_text("This diagram cannot be drawn")).to_be_visible(timeout=30_000)
    assert diagram.evaluate("image => image.decode().then(() => image.naturalWidth > 100)")
    height = diagram.evaluate("image => image.height")
    assert diagram.evaluate(PIXELS, [251, 234, 221]) > 1_000  # --accent-soft of the light page
    assert_accessible(page)
    answer(page).get_by_role("button", name="As a diagram").click()
    expect(answer(page).locator(".code-block", has_text="Question").locator("code")).to_be_visible()
    answer(page).get_by_role("button", name="As a diagram").click()
    light = diagram.get_attribute("src")
    page.emulate_media(color_scheme="dark")
    expect(diagram).not_to_have_attribute("src", str(light))
    assert diagram.evaluate("image => image.height") == height
    assert_accessible(page)
    (library,) = [url for url in asked if url.endswith("/mermaid.js")]
    assert f"{page_files().base}vendor/mermaid/mermaid.js" in library


def answered_by_demo(page: Page) -> None:
    def demo(route: Route) -> None:
        response = route.fetch()
        models = [{**model, "provider": "demo"} for model in response.json()["models"]]
        route.fulfill(response=response, json=response.json() | {"models": models})

    page.route("**/api/config", demo)


def test_where_only_the_demo_model_answers_the_page_says_so_and_what_to_try(local: BrowserContext, site: Site) -> None:
    page = local.new_page()
    answered_by_demo(page)
    page.goto(site.url)
    expect(page.get_by_text("The offline demo model answers here.")).to_be_visible()
    expect(page.get_by_text("OPENAI_API_KEY=")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Add a provider").press("Enter")
    administration = page.get_by_role("dialog", name="Administration")
    expect(administration.get_by_label("Providers")).to_be_checked()
    expect(administration.get_by_role("button", name="Add a provider")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Count to 200").click()
    expect(answer(page)).to_contain_text("You said: count to 200")


def test_a_stranger_makes_an_account(stranger: BrowserContext, site: Site, troubles: Troubles) -> None:
    page = troubles.watch(stranger.new_page())
    troubles.forgive("400 (Bad Request)")
    page.goto(site.url)
    expect(page.get_by_role("button", name="Sign in with Example")).to_be_visible()
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("E-mail").fill("new@example.org")
    page.get_by_label("Password").fill("password")
    page.get_by_label("Name", exact=True).fill("New One")
    assert_accessible(page)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("common")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(message_field(page)).to_be_focused()
    expect(page.locator("#user-name")).to_have_text("New One")
