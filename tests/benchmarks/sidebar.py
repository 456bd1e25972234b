"""What the page does with a list of 100,000 chats, in a real browser."""

from playwright.async_api import Page

from tests.benchmarks.page import browsing, figures, p95, scrolled, typed, weighed
from tests.benchmarks.stand import Stand
from tests.benchmarks.table import Row, Table
from tests.harness.histories import many_sessions

CHATS, QUICK_CHATS = 100_000, 5_000
APART_S = 300  # a year of chats
TITLES = 40  # that are looked for
MOST_LISTED_MS = 2_000
MOST_FOUND_MS = 300

# Milliseconds since the page was asked for.
LISTED = """window.listed = new Promise((done) => {
  const look = () => {
    if (document.querySelector("#session-list > li")) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
});"""
# From the last key until the list is what was looked for, and nothing else.
FIND = """async (title) => {
  const field = document.getElementById("session-search");
  const since = performance.now();
  field.value = title;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  const found = () => {
    const rows = [...document.querySelectorAll("#session-list > li")];
    return rows.length === 1 && rows[0].querySelector(".row-title").textContent === title;
  };
  for (let frame = 0; frame < 600 && !found(); frame += 1) await new Promise(requestAnimationFrame);
  return found() ? performance.now() - since : Infinity;
}"""


async def chat_list(stand: Stand) -> Table:
    count = QUICK_CHATS if stand.quick else CHATS
    table = Table(f"The page with a list of {count:,} chats", ["what", "p50", "p95", "most"])
    await stand.restart(lambda: many_sessions(stand.site, "sidebar", count, APART_S))
    async with browsing() as page:
        table.rows += [
            await listed(page, stand),
            *await scrolled(page, "chats", "#sidebar .scroll", "#session-list", 300 if stand.quick else 1200, 120),
            await typed(page, "Search chats"),
            await found(page, count),
            await weighed(page),
        ]
    return table


async def listed(page: Page, stand: Stand) -> Row:
    """The first time, when the browser has nothing of the page yet."""
    await page.add_init_script(LISTED)
    await page.goto(stand.server.url)
    took_ms: float = await page.evaluate("window.listed")
    row = Row(["opened until the list is there, ms", "", "", f"{took_ms:.0f}"])
    row.expect(f"≤ {MOST_LISTED_MS:,} ms", took_ms <= MOST_LISTED_MS)
    return row


async def found(page: Page, count: int) -> Row:
    """Titles from everywhere in the list, one after another."""
    titles = [f"Many {step * count // TITLES} of them" for step in range(1, TITLES + 1)]
    times = [await page.evaluate(FIND, title) for title in titles]
    row = figures("the last key until the chat is found, ms", times)
    row.expect(f"p95 ≤ {MOST_FOUND_MS} ms", p95(times) <= MOST_FOUND_MS)
    return row
