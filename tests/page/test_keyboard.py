"""The whole page without a pointer."""

from playwright.sync_api import Page, expect

from tests.page.conftest import answer, assert_accessible, say, until_idle
from tests.page.test_approval import asking, cards
from tests.page.test_files import choose, to_send

# The accessible name of what has the focus, whether it is to be seen, and whether the focus is.
STOP = """() => {
  const node = document.activeElement;
  if (node === document.body) return null;
  const label = node.labels?.length ? node.labels[0].innerText : "";
  const ids = node.getAttribute("aria-labelledby")?.split(" ") ?? [];
  const pointed = ids.map((id) => document.getElementById(id)?.innerText).join(" ");
  const box = node.getBoundingClientRect();
  const style = getComputedStyle(node);
  return {
    name: (node.getAttribute("aria-label") || pointed || label || node.innerText || "").trim(),
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && style.visibility === "visible",
    marked: style.outlineStyle !== "none" || style.boxShadow !== "none",
  };
}"""


def stops(page: Page, key: str, most: int = 60) -> list[str]:
    """Names of what the key visits, until the focus leaves the page."""
    names: list[str] = []
    for _ in range(most):
        page.keyboard.press(key)
        stop = page.evaluate(STOP)
        if stop is None:
            return names
        assert stop["name"], f"no name after {names[-1:]}"
        assert stop["seen"], f"{stop['name']} is out of sight"
        assert stop["marked"], f"{stop['name']} does not show that it has the focus"
        names.append(stop["name"])
    raise AssertionError(f"the keyboard is caught: {names}")


def test_every_stop_of_the_keyboard_has_a_name_and_is_seen(page: Page) -> None:
    say(page, 'tool generate_document {"content": "x", "filename": "made.md"}')
    until_idle(page)
    say(page, asking("walk*"))
    expect(cards(page)).to_have_count(1)
    choose(page, ("walk.txt", "x"))
    expect(to_send(page)).to_contain_text(["1 byte"])
    page.evaluate("document.activeElement.blur(); document.body.focus()")
    page.get_by_role("link", name="Skip to the message field").focus()
    names = [page.evaluate(STOP)["name"], *stops(page, "Tab")]
    wanted = [
        "Skip to the message field",
        "New chat",
        "Search chats",
        "Files of this chat",
        "Delete this chat",
        "Conversation",
        "Download made.md",
        "Arguments",
        "Reason",
        "Do not ask again about search_files in this chat",
        "Reject",
        "Approve",
        "Remove walk.txt",
        "Message",
        "Attach files",
        "Model",
        "Stop the answer",
    ]
    found = [next((n for n in names if n.startswith(name)), None) for name in wanted]
    assert all(found), [name for name, there in zip(wanted, found, strict=True) if not there]
    assert [names.index(name) for name in found if name] == sorted(names.index(name) for name in found if name)


def test_a_conversation_without_touching_the_pointer(page: Page) -> None:
    page.keyboard.type("say 2 words")
    page.keyboard.press("Enter")
    expect(answer(page)).to_have_text("word1 word2")
    until_idle(page)
    page.keyboard.type("one line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("another")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="You").last).to_have_text("one line\nanother", use_inner_text=True)
    until_idle(page)
    page.keyboard.press("Control+b")
    expect(page.get_by_label("Search chats")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What can I do for you?")).to_be_visible()
    page.keyboard.press("Control+k")
    finding = page.get_by_role("combobox", name="Search chats and commands")
    expect(finding).to_be_focused()
    expect(page.get_by_role("option").first).to_be_visible()
    assert_accessible(page)
    page.keyboard.type("keyb")
    expect(page.get_by_role("option")).to_have_text(["Keyboard"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Stop the answer")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("line anoth")
    expect(page.get_by_role("listbox", name="Found").locator("mark").first).to_be_visible()
    page.get_by_role("listbox", name="Found").get_by_role("option").filter(has=page.locator("mark")).first.click()
    expect(page.get_by_role("article", name="You").last).to_contain_text("another")
    expect(page.locator(".found")).to_have_count(1)
