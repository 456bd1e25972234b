"""Pictures of the page: `python -m tests.page.pictures` takes those of the documents, light and dark, on a desktop and
a phone; with a FOLDER all views, to look at."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import httpx
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.harness.chromium import QUIET, chromium_path
from tests.harness.histories import many_sessions
from tests.harness.provider import Provider
from tests.harness.provider.script import Script
from tests.harness.server import EMAIL, PASSWORD, ROOT, Site

DOCUMENTS = ROOT / "docs" / "pictures"
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=780)
SIZES = {"desktop": DESKTOP, "phone": PHONE}
QUESTION = "Plan three days in Lisbon for me, with a budget."
ANSWER = """## A plan for Lisbon

Three days are enough for the old town, **Belém** and the coast; the tram is 3.20 € a ride [guide.md].

| day | where | how |
|-----|-------|-----|
| 1 | Alfama, Graça | on foot |
| 2 | Belém | tram 15E |
| 3 | Cascais | train |

```python
budget = sum(cost for cost in (120, 45, 30))
```"""
GUIDE = "Lisbon in three days\n\nThe tram is 3.20 € a ride. The old town is seen on foot; Belém lies at the river."
AGENTS = [
    {"name": "Traveller", "description": "Plans journeys with a budget.", "instructions": "Plan."},
    {"name": "Editor", "description": "Makes texts shorter.", "model": "gpt-5-mini", "tools": ["read_file"]},
]
TITLES = [
    "Three days in Lisbon", "Lisbon with children", "Lisbon by tram", "Lisbon in winter", "Lisbon on foot",
    "Letter to the landlord", "Why the sky is blue", "Quarterly figures", "Rye bread", "Names for a cat",
    "Tests for the parser", "Birthday speech", "Hebrew verbs", "Bicycle repair", "Notes on whales",
]  # fmt: skip
PROMPTS = [
    {"name": "plan", "text": "Plan {{days}} days in {{city}} for me, with a budget."},
    {"name": "shorter", "text": "Say this in half as many words: {{text}}"},
]


class Look(NamedTuple):
    name: str
    size: ViewportSize
    theme: str
    locale: str = "en-US"


LOOKS = [
    *(Look(f"{name}-{theme}", size, theme) for theme in ("light", "dark") for name, size in SIZES.items()),
    Look("desktop-rtl", DESKTOP, "light", "he-IL"),
]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    folder.mkdir(parents=True, exist_ok=True)
    with Provider() as provider, Site("sqlite", provider.url, ALLOW_LOCALHOST_NOAUTH="true") as site:
        provider.answers = lambda request: Script(text=ANSWER)
        many_sessions(site, "many", 60)
        furnish(site)
        with sync_playwright() as playwright:
            path = chromium_path(playwright.chromium.executable_path)
            browser = playwright.chromium.launch(executable_path=path, args=QUIET)
            for number, look in enumerate(LOOKS, 1):
                take(browser, site, folder, look, f"many_{number}")
            if folder != DOCUMENTS:
                take_admin(browser, site, folder)
            browser.close()


def furnish(site: Site) -> None:
    with httpx.Client(base_url=site.url, trust_env=False) as client:
        for path, things in (("agents", AGENTS), ("prompts", PROMPTS)):
            for thing in things:
                client.post(f"/api/{path}", json=thing).raise_for_status()
        upload = {"file": ("guide.md", GUIDE.encode(), "text/markdown")}
        for number in range(1, len(LOOKS) + 1):
            client.post(f"/api/sessions/many_{number}/files/upload", files=upload).raise_for_status()
        for number, title in enumerate(TITLES, 1):
            client.patch(f"/api/sessions/many_{number}", json={"title": title}).raise_for_status()


def take(browser: Browser, site: Site, folder: Path, look: Look, session_id: str) -> None:
    scheme: Literal["dark", "light"] = "dark" if look.theme == "dark" else "light"
    context = browser.new_context(
        viewport=look.size,
        locale=look.locale,
        color_scheme=scheme,
        has_touch=look.size is PHONE,
        service_workers="block",
    )
    page = context.new_page()
    page.goto(f"{site.url}/#/{session_id}")
    page.locator("#composer-input").fill(QUESTION)
    page.locator("#composer-send").click()
    page.locator(".message.assistant table").last.wait_for()
    page.locator("#composer-stop").wait_for(state="hidden")
    if folder == DOCUMENTS:
        if look.locale == "en-US":
            page.screenshot(path=folder / f"{look.name}.png")
    else:
        for view, show in VIEWS.items():
            show(page)
            page.screenshot(path=folder / f"{look.name}-{view}.png")
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")
    context.close()


def take_admin(browser: Browser, site: Site, folder: Path) -> None:
    page = browser.new_page(viewport=DESKTOP)
    page.goto(f"{site.url}/admin/")
    page.locator("[name=username]").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(f"{site.url}/admin/sessions_app/chatsession/?q=many_1")
    page.screenshot(path=folder / "admin-list.png", full_page=True)
    page.locator("#result_list tbody th a").first.click()
    page.get_by_label("Why do you open it?").fill("To take pictures")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Read it").wait_for()
    page.screenshot(path=folder / "admin-session.png", full_page=True)
    page.get_by_role("link", name="Read it").click()
    page.locator(".talk article").first.wait_for()
    page.screenshot(path=folder / "admin-conversation.png", full_page=True)


def show_chats(page: Page) -> None:
    if page.locator("#drawer-toggle[aria-expanded=false]").is_visible():
        page.locator("#drawer-toggle").click()
        page.locator("#session-list a").first.wait_for()
        return
    links = page.locator("#session-list a")
    links.nth(2).click(modifiers=["Control"])
    links.nth(4).click(modifiers=["Shift"])


def of_account(icon: str) -> Callable[[Page], None]:
    """Opens what stands in the menu of the account with that icon."""

    def show(page: Page) -> None:
        if page.locator("#drawer-toggle[aria-expanded=false]").is_visible():
            page.locator("#drawer-toggle").click()
        page.locator("#account-menu").click()
        page.locator(f".menu-item:has([data-icon={icon}])").click()
        page.locator("dialog.panel h3").first.wait_for()

    return show


def show_agent(page: Page) -> None:
    of_account("person")(page)
    page.locator("dialog.panel [data-icon=pencil]").first.click()
    page.locator("dialog.panel textarea").first.wait_for()


def show_citation(page: Page) -> None:
    page.locator(".citation").last.click()
    page.locator(".cited").wait_for()


def show_mentions(page: Page) -> None:
    page.locator("#composer-input").fill("")
    page.locator("#composer-input").press_sequentially("Read @")
    page.locator("#suggestions li").first.wait_for()


VIEWS: dict[str, Callable[[Page], None]] = {
    "chat": lambda page: None,
    "citation": show_citation,
    "mentions": show_mentions,
    "chats": show_chats,
    "settings": of_account("gear"),
    "agents": of_account("person"),
    "agent": show_agent,
    "prompts": of_account("slash"),
}


if __name__ == "__main__":
    main()
