"""Everything has its place: nothing is cut off, and nothing lies on what is pressed or read."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Page, ViewportSize, expect

from tests.harness.histories import forget_sessions, many_sessions
from tests.harness.server import Site
from tests.page.conftest import VIEW, Troubles, answer, assert_accessible, message_field, say, until_idle, words
from tests.page.test_answers import answered_by_demo


def box(node: Locator) -> FloatRect:
    found = node.bounding_box()
    assert found is not None
    return found


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "he-IL"])
def test_the_first_page_fits_a_small_phone(browser: Browser, site: Site, locale: str) -> None:
    size = ViewportSize(width=360, height=640)
    context = browser.new_context(viewport=size, locale=locale, has_touch=True, is_mobile=True, service_workers="block")
    page = context.new_page()
    answered_by_demo(page)
    page.goto(site.url)
    last = page.locator("#first-run > button")
    expect(last).to_be_visible()
    heading, composer = page.locator("#welcome h2"), page.locator("#composer-input")
    assert box(heading)["y"] > box(page.locator("#chat > header"))["y"] + box(page.locator("#chat > header"))["height"]
    assert box(last)["y"] + box(last)["height"] <= box(composer)["y"]
    context.close()


@pytest.fixture
def chats(site: Site) -> Iterator[None]:
    many_sessions(site, "fitting", 3)
    yield
    forget_sessions(site, "fitting")


def test_what_the_page_says_lies_above_the_field_until_the_chat_changes(
    local: BrowserContext, site: Site, chats: None
) -> None:
    page = local.new_page()
    page.goto(f"{site.url}/#/fitting_1")
    expect(page.locator("#chat-title")).to_have_text("Many 1 of them")
    row = page.locator("#session-list .row").filter(has_text="Many 2 of them")
    row.hover()
    row.get_by_role("button", name="Delete").click()
    note = page.locator(".toast").filter(has_text="is in the trash")
    expect(note).to_be_visible()
    assert box(note)["y"] > VIEW["height"] / 2
    assert box(note)["y"] + box(note)["height"] <= box(message_field(page))["y"]
    page.get_by_role("link", name="Many 3 of them").click()
    expect(page.locator("#chat-title")).to_have_text("Many 3 of them")
    expect(note).to_have_count(0, timeout=2_000)


def test_another_answer_is_offered_beside_it_by_other_models(page: Page) -> None:
    say(page, "say 3 words")
    expect(answer(page)).to_have_text(words(3))
    until_idle(page)
    opener = answer(page).get_by_role("button", name="Another answer")
    opener.click()
    menu = page.get_by_role("menu")
    assert box(menu)["x"] >= box(opener)["x"] - 1
    chosen = page.locator("#model").inner_text().split(" · ")[0].strip()
    offered = menu.get_by_role("menuitem").all_inner_texts()
    assert offered[0] == "Try again"
    assert len(offered) > 1
    assert f"With {chosen}" not in offered


def test_very_large_words_leave_the_field_its_buttons(phone: BrowserContext, site: Site) -> None:
    page = phone.new_page()
    page.goto(site.url)
    page.get_by_role("button", name="Chats", exact=True).click()
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name="Settings").click()
    page.get_by_role("radio", name="Very large").check(force=True)
    page.keyboard.press("Escape")
    field = box(message_field(page))
    padding = float(message_field(page).evaluate("node => parseFloat(getComputedStyle(node).paddingTop)"))
    line = float(message_field(page).evaluate("node => parseFloat(getComputedStyle(node).lineHeight)"))
    assert field["y"] + padding + line <= box(page.locator("#composer-attach"))["y"]


def test_the_palette_closes_by_one_press(phone: BrowserContext, page: Page, site: Site) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("keyb")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Search")).to_have_count(0)
    small = phone.new_page()
    small.goto(site.url)
    small.get_by_role("button", name="Chats", exact=True).click()
    small.get_by_role("button", name="Search everything").click()
    small.get_by_role("dialog", name="Search").get_by_role("button", name="Close").click()
    expect(small.get_by_role("dialog", name="Search")).to_have_count(0)


def test_usage_is_plotted_by_day_in_the_persons_language(browser: Browser, site: Site, troubles: Troubles) -> None:
    context = browser.new_context(viewport=VIEW, locale="de-DE", service_workers="block")
    page = troubles.watch(context.new_page())
    page.goto(site.url)
    page.locator("#composer-input").fill("say 2 words")
    page.keyboard.press("Enter")
    expect(page.locator(".message.assistant .markdown")).to_have_text("word1 word2")
    page.get_by_role("button", name="Einstellungen und mehr").click()
    page.get_by_role("menuitem", name="Verbrauch").click()
    usage = page.get_by_role("dialog", name="Verbrauch der letzten 30 Tage")
    plot = usage.get_by_role("img", name="Tokens nach Tag")
    expect(plot.locator("rect.in")).to_have_count(1)
    expect(plot.locator("rect.out")).to_have_count(1)
    expect(usage.get_by_role("columnheader", name="Tag", exact=True)).to_be_visible()
    expect(usage.get_by_role("rowheader").first).to_have_text(re.compile(r"^\d{2}\.\d{2}\.\d{4}$"))
    assert_accessible(page)
    usage.get_by_label("Nach Modell").check(force=True)
    expect(usage.get_by_role("columnheader", name="Modell", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#context-use").click()
    given = page.get_by_role("dialog", name="Was das Modell bekommt")
    expect(given.locator("strong")).to_have_text(["Mensch", "Antwort"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Einstellungen und mehr").click()
    page.get_by_role("menuitem", name="Einstellungen").click()
    expect(page.get_by_role("group", name="Was er darf").get_by_role("checkbox", name="lesen")).to_be_checked()
    expect(page.get_by_text("Sprache", exact=True)).to_be_visible()
    context.close()
