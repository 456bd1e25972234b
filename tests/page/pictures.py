"""Pictures of the page, to look at and for the documents: `python -m tests.page.pictures FOLDER`."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.harness.chromium import QUIET, chromium_path
from tests.harness.histories import many_sessions
from tests.harness.provider import Provider
from tests.harness.provider.script import Script
from tests.harness.server import Site

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=780)
QUESTION = "Plan three days in Lisbon for me, with a budget."
ANSWER = """## A plan for Lisbon

Three days are enough for the old town, **Belém** and the coast.

| day | where | how |
|-----|-------|-----|
| 1 | Alfama, Graça | on foot |
| 2 | Belém | tram 15E |
| 3 | Cascais | train |

```python
budget = sum(cost for cost in (120, 45, 30))
```"""


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    with Provider() as provider, Site("sqlite", provider.url, ALLOW_LOCALHOST_NOAUTH="true") as site:
        provider.answers = lambda request: Script(text=ANSWER)
        many_sessions(site, "many", 60)
        with sync_playwright() as playwright:
            path = chromium_path(playwright.chromium.executable_path)
            browser = playwright.chromium.launch(executable_path=path, args=QUIET)
            for theme in ("light", "dark"):
                take(browser, site, folder, f"desktop-{theme}", theme, DESKTOP)
                take(browser, site, folder, f"phone-{theme}", theme, PHONE)
            take(browser, site, folder, "desktop-rtl", "light", DESKTOP, locale="he-IL")
            browser.close()


def take(
    browser: Browser, site: Site, folder: Path, name: str, theme: str, size: ViewportSize, locale: str = "en-US"
) -> None:
    context = browser.new_context(
        viewport=size, locale=locale, color_scheme="dark" if theme == "dark" else "light", service_workers="block"
    )
    page = context.new_page()

    def picture(view: str) -> None:
        page.screenshot(path=folder / f"{name}-{view}.png")

    page.goto(f"{site.url}/#/many_1")
    page.locator("#composer-input").fill(QUESTION)
    page.locator("#composer-send").click()
    page.locator(".message.assistant table").last.wait_for()
    page.locator("#composer-stop").wait_for(state="hidden")
    picture("chat")
    if size is DESKTOP:
        mark_some(page)
        picture("marked")
        page.keyboard.press("Escape")
        page.locator("#account-menu").click()
        page.locator(".menu-item").first.click()
        page.locator("dialog.panel h3").first.wait_for()
        picture("settings")
    else:
        page.locator("#drawer-toggle").click()
        page.locator("#session-list a").first.wait_for()
        picture("chats")
    context.close()


def mark_some(page: Page) -> None:
    links = page.locator("#session-list a")
    links.nth(2).click(modifiers=["Control"])
    links.nth(4).click(modifiers=["Shift"])


if __name__ == "__main__":
    main()
