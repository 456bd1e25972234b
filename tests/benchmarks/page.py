"""What the page does with a conversation of 10,000 messages, in a real browser."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from tests.benchmarks.stand import Stand
from tests.benchmarks.table import Row, Table
from tests.harness.chromium import QUIET, chromium_path
from tests.harness.histories import long_session

MESSAGES = 10_000
MOST_NODES = 300
MOST_FRAME_MS = 20
MOST_WORK_MS = 16
MOST_JUMP_MS = 300
MOST_KEY_MS = 16
MOST_STREAM_MS = 50
MOST_MIB = 150

# Milliseconds between frames while the person scrolls by so many pixels a frame, and the most nodes that the list had.
SCROLL = """async ([scrolled, list, frames, by]) => {
  const scroller = document.querySelector(scrolled);
  const times = [];
  let nodes = 0;
  let before = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame += 1) {
    scroller.scrollTop += by;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - before);
    before = now;
    nodes = Math.max(nodes, document.querySelector(list).childElementCount);
  }
  return { times, nodes };
}"""
# From the key until the message is on the screen.
JUMP = """async ([key, text]) => {
  const since = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: true, bubbles: true, cancelable: true }));
  const seen = () => [...document.querySelectorAll("#messages > *")].some(node => {
    const { top, bottom } = node.getBoundingClientRect();
    return node.innerText.startsWith(text) && bottom > 0 && top < innerHeight;
  });
  for (let frame = 0; frame < 1200 && !seen(); frame += 1) await new Promise(requestAnimationFrame);
  return seen() ? performance.now() - since : Infinity;
}"""
# What a key costs, from its event until all is laid out.
KEYS = """() => {
  window.keys = [];
  let since = 0;
  addEventListener("keydown", () => (since = performance.now()), true);
  addEventListener("input", () => {
    document.body.getBoundingClientRect();
    window.keys.push(performance.now() - since);
  });
}"""
FRAMES = """() => {
  window.frames_ms = [];
  let before = performance.now();
  const tick = () => {
    const now = performance.now();
    window.frames_ms.push(now - before);
    before = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


# Scrolled in the same way, it shows what the browser and the machine take by themselves.
EMPTY = """<body style="margin: 0; overflow: hidden">
  <div id="scroller" style="height: 100vh; overflow-y: auto; will-change: scroll-position; background: white">
    <div id="messages"></div>
    <div style="height: 1000000px"></div>
  </div>
"""
BUSY = """is => document.getElementById("messages").getAttribute("aria-busy") === String(is)"""


async def long_conversation(stand: Stand) -> Table:
    table = Table(f"The page in a conversation of {MESSAGES:,} messages", ["what", "p50", "p95", "most"])
    await asyncio.to_thread(long_session, stand.site, "bench_long", MESSAGES)
    frames = 300 if stand.quick else 1200
    async with browsing() as page:
        table.rows.append(await scrolled_empty(page, frames))
        await opened(page, stand)
        table.rows += [
            *await scrolled(page, "messages", "#scroller", "#messages", frames, -120),
            *await jumped(page),
            await typed(page, "Message"),
            *await streamed(page, 2_000 if stand.quick else 10_000),
            await weighed(page),
        ]
    return table


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        path = chromium_path(playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=path, args=[*QUIET, "--js-flags=--expose-gc"])
        yield await browser.new_page(viewport={"width": 1280, "height": 800})
        await browser.close()


async def opened(page: Page, stand: Stand) -> None:
    """On the server's own machine nobody needs to sign in."""
    await page.goto(f"{stand.server.url}/#/bench_long")
    await page.get_by_role("log").get_by_text(f"Answer {MESSAGES}.").wait_for()


async def scrolled_empty(page: Page, frames: int) -> Row:
    await page.set_content(EMPTY)
    found = await page.evaluate(SCROLL, ["#scroller", "#messages", frames, 120])
    return figures("scrolling an empty page, ms a frame", found["times"])


async def scrolled(page: Page, what: str, scroller: str, of: str, frames: int, by_px: int) -> list[Row]:
    found, work = await worked(page, page.evaluate(SCROLL, [scroller, of, frames, by_px]))
    row = figures(f"scrolling {'up' if by_px < 0 else 'down'}, ms a frame", found["times"])
    row.expect(f"p95 ≤ {MOST_FRAME_MS} ms", p95(found["times"]) <= MOST_FRAME_MS)
    nodes = Row([f"{what} kept", "", "", str(found["nodes"])])
    nodes.expect(f"≤ {MOST_NODES}", found["nodes"] <= MOST_NODES)
    return [row, work, nodes]


async def worked(page: Page, what: Awaitable[Any]) -> tuple[Any, Row]:
    """Its result, and how long the page's main thread had the processor for each frame, whoever else wants it."""
    assert page.context.browser is not None
    await page.context.browser.start_tracing(page=page, categories=["toplevel"])
    result = await what
    trace = json.loads(await page.context.browser.stop_tracing())
    times = work_ms(trace["traceEvents"])
    row = figures("work of the main thread in it", times)
    row.expect(f"p95 ≤ {MOST_WORK_MS} ms", p95(times) <= MOST_WORK_MS)
    return result, row


def work_ms(events: list[dict[str, Any]]) -> list[float]:
    """For each frame, from one to the next, of the thread that has most of them."""
    tasks = [each for each in events if each["name"] == "ThreadControllerImpl::RunTask" and "tdur" in each]
    tasks.sort(key=lambda task: task["ts"])
    threads: dict[tuple[int, int], list[float]] = {}
    for task in tasks:
        frames = threads.setdefault((task["pid"], task["tid"]), [])
        if task["args"].get("src_func") == "ScheduledActionSendBeginMainFrame":
            frames.append(0)
        if frames:
            frames[-1] += task["tdur"] / 1000
    return max(threads.values(), key=len)


async def jumped(page: Page) -> list[Row]:
    rows = []
    for what, key, text in [
        ("to the first message", "Home", "Question 1"),
        ("to the last", "End", f"Answer {MESSAGES}."),
    ]:
        took_ms = await page.evaluate(JUMP, [key, text])
        row = Row([f"jump {what}, ms", "", "", f"{took_ms:.0f}"])
        row.expect(f"≤ {MOST_JUMP_MS} ms", took_ms <= MOST_JUMP_MS)
        rows.append(row)
    return rows


async def typed(page: Page, label: str) -> Row:
    await page.evaluate(KEYS)
    await page.get_by_label(label, exact=True).press_sequentially("what is being written here " * 8)
    times = await page.evaluate("window.keys")
    row = figures("a key, ms until laid out", times)
    row.expect(f"p95 ≤ {MOST_KEY_MS} ms", p95(times) <= MOST_KEY_MS)
    return row


async def streamed(page: Page, words: int) -> list[Row]:
    field = page.get_by_label("Message", exact=True)
    await field.fill(f"say {words} words; pace 200")
    await page.evaluate(FRAMES)
    times, work = await worked(page, answered(page, words))
    row = figures(f"{words:,} words at 200/s, ms a frame", times)
    row.expect(f"p95 ≤ {MOST_FRAME_MS} ms", p95(times) <= MOST_FRAME_MS)
    row.expect(f"none > {MOST_STREAM_MS} ms", max(times) <= MOST_STREAM_MS)
    return [row, work]


async def answered(page: Page, words: int) -> list[float]:
    """Looks seldom, and at one attribute: a search for words takes the page's main thread for half a frame."""
    await page.get_by_label("Message", exact=True).press("Enter")
    for is_busy in (True, False):
        await page.wait_for_function(BUSY, arg=is_busy, polling=200, timeout=words * 5 + 60_000)
    times: list[float] = await page.evaluate("window.frames_ms")
    await page.get_by_role("log").get_by_text(f"word{words}").last.wait_for()
    return times


async def weighed(page: Page) -> Row:
    """The heap of the page, and the memory that its process has for itself alone."""
    session = await page.context.new_cdp_session(page)
    await page.evaluate("gc()")
    heap: dict[str, Any] = await session.send("Runtime.getHeapUsage")
    own_mib = max(map(private_mib, await renderers(page)))
    row = Row(["memory, MiB: heap, own", f"{heap['usedSize'] / 2**20:.0f}", "", f"{own_mib:.0f}"])
    row.expect(f"≤ {MOST_MIB} MiB", own_mib <= MOST_MIB)
    return row


async def renderers(page: Page) -> list[Path]:
    """In /proc, those of this page's browser."""
    assert page.context.browser is not None
    session = await page.context.browser.new_browser_cdp_session()
    told: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    return [Path(f"/proc/{each['id']}") for each in told["processInfo"] if each["type"] == "renderer"]


def private_mib(folder: Path) -> float:
    lines = (folder / "smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def figures(what: str, times: list[float]) -> Row:
    return Row([what, f"{statistics.median(times):.1f}", f"{p95(times):.1f}", f"{max(times):.1f}"])
