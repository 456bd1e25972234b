"""A conversation that is longer than what is kept on the screen."""

import re

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.harness.histories import long_session
from tests.harness.server import Site
from tests.page.conftest import Troubles, message_field, until_idle

MESSAGES = 900
MOST = 300

# More of such rows fit into what is kept ready than are kept otherwise.
LOW = "#messages > * { height: 30px !important; overflow: hidden; margin: 0 !important; padding: 0 !important; }"
# Where the message with that text stands on the screen.
TOP = """text => [...document.querySelectorAll("#messages > *")]
  .find(node => node.innerText.startsWith(text))?.getBoundingClientRect().top"""
# Up or down by steps of the wheel, each less than the window is high, until the text is there.
SCROLL_TO = """async ([text, by]) => {
  const scroller = document.getElementById("scroller");
  let most = 0;
  for (let frame = 0; frame < 3000; frame += 1) {
    scroller.scrollTop += by;
    await new Promise(requestAnimationFrame);
    const nodes = [...document.querySelectorAll("#messages > *")];
    most = Math.max(most, nodes.length);
    const found = nodes.find(node => node.innerText.trim() === text);
    const top = found?.getBoundingClientRect().top;
    if (top > 0 && top < innerHeight) return most;
  }
  return -1;
}"""


def test_pages_come_and_go_and_what_is_read_stays_in_its_place(
    local: BrowserContext, site: Site, troubles: Troubles
) -> None:
    long_session(site, "long", MESSAGES)
    page = troubles.watch(local.new_page())
    page.goto(f"{site.url}/#/long")
    expect(last(page)).to_be_visible()

    up_to = MESSAGES - 449
    assert 0 < page.evaluate(SCROLL_TO, [f"Question {up_to}", -700]) <= MOST
    expect(last(page)).to_have_count(0)
    assert_it_stands_still(page, f"Question {up_to}")
    assert 0 < page.evaluate(SCROLL_TO, ["Question 1", -700]) <= MOST
    expect(page.get_by_role("button", name="Load earlier messages")).to_be_hidden()
    assert in_order(page)

    message_field(page).press("Control+End")
    expect(last(page)).to_be_in_viewport()
    message_field(page).press("Control+Home")
    expect(page.get_by_role("log").get_by_text("Question 1", exact=True)).to_be_in_viewport()
    assert 0 < page.evaluate(SCROLL_TO, [f"Question {MESSAGES - 1}", 700]) <= MOST
    assert in_order(page)
    message_field(page).fill("echo after all")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_have_text("after all")
    until_idle(page)
    page.reload()
    expect(page.get_by_role("article").last).to_have_text("after all")


def test_on_a_slow_machine_too_what_is_read_stays_in_its_place(
    local: BrowserContext, site: Site, troubles: Troubles
) -> None:
    """Rows are then made in one frame, and laid out in another."""
    page = troubles.watch(local.new_page())
    local.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 3})
    page.goto(f"{site.url}/#/long")
    expect(last(page)).to_be_visible()
    up_to = f"Question {MESSAGES - 449}"
    assert 0 < page.evaluate(SCROLL_TO, [up_to, -700]) <= MOST
    assert_it_stands_still(page, up_to)


def test_what_is_marked_or_being_written_stays_however_far_the_reader_goes(
    local: BrowserContext, site: Site, troubles: Troubles
) -> None:
    page = troubles.watch(local.new_page())
    page.goto(f"{site.url}/#/long")
    question = page.get_by_role("article", name="You").first
    question.hover()
    question.get_by_role("button", name="Edit message").click()
    page.get_by_role("textbox", name="Edit message").fill("half a thou")
    page.evaluate("document.getElementById('scroller').scrollTop = 0")
    assert page.evaluate(SCROLL_TO, [f"Question {MESSAGES - 399}", -700]) > 0
    expect(page.get_by_role("textbox", name="Edit message")).to_have_value("half a thou")
    expect(page.get_by_role("textbox", name="Edit message")).to_be_focused()
    page.keyboard.press("Escape")

    page.get_by_role("log").get_by_text(f"Question {MESSAGES - 399}", exact=True).dblclick()
    assert page.evaluate(SCROLL_TO, [f"Question {MESSAGES - 849}", -700]) > 0
    assert page.evaluate("getSelection().toString().trim()") == "Question"


def test_where_a_window_shows_much_at_once_no_page_is_asked_for_without_end(
    local: BrowserContext, site: Site, troubles: Troubles
) -> None:
    page = troubles.watch(local.new_page())
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.goto(f"{site.url}/#/long")
    expect(last(page)).to_be_visible()
    page.evaluate("rule => document.styleSheets[0].insertRule(rule)", LOW)
    # As much as is asked for ahead: where it is never there, pages come and go.
    page.wait_for_function(
        """() => {
          const { scrollTop, clientHeight } = document.getElementById("scroller");
          return scrollTop > 3 * clientHeight;
        }"""
    )


def last(page: Page) -> Locator:
    return page.get_by_role("log").get_by_text(f"Answer {MESSAGES}.")


def assert_it_stands_still(page: Page, text: str) -> None:
    """What comes above it, and what goes below, does not move it."""
    before = page.evaluate(TOP, text)
    page.wait_for_function(
        """async () => {
          const list = document.getElementById("messages");
          const first = list.firstElementChild;
          for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
          return list.firstElementChild === first;
        }"""
    )
    # Positions are fractions of pixels, and each page that comes may round once.
    assert abs(page.evaluate(TOP, text) - before) <= 4


def in_order(page: Page) -> bool:
    """The numbers of what is here follow each other without a gap."""
    texts = page.locator("#messages > *").all_inner_texts()
    numbers = [int(number) for text in texts for number in re.findall(r"^(?:Question|Answer) (\d+)", text)]
    return bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
