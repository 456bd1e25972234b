"""Agents and prompts that a person makes, changes and deletes."""

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.harness.provider import Provider
from tests.page.conftest import Troubles, answer, assert_accessible, held_requests, message_field, until_idle


def opened(page: Page, name: str) -> Locator:
    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("menuitem", name=name, exact=True).click()
    return page.get_by_role("dialog", name=name, exact=True)


def test_an_agent_is_made_chosen_changed_copied_and_deleted(page: Page, provider: Provider, troubles: Troubles) -> None:
    troubles.forgive("409 (Conflict)")  # a name that is taken
    agents = opened(page, "Agents")
    expect(agents.get_by_text("You have none yet.")).to_be_visible()
    agents.get_by_role("button", name="New agent").click()
    form = page.get_by_role("dialog", name="New agent")
    expect(form.get_by_label("Name")).to_be_focused()
    form.get_by_label("Name").fill("Baker")
    form.get_by_label("Description").fill("Knows bread")
    form.get_by_label("Instructions").fill("You bake.")
    form.get_by_role("button", name="Model: As the chat has").click()
    page.get_by_role("menu").get_by_role("menuitem").nth(1).click()
    form.get_by_role("group", name="Tools", exact=True).get_by_label("Only these").check()
    form.get_by_role("group", name="Tools: Only these").get_by_label("edit_file").uncheck()
    form.get_by_label("Ways to begin").fill("say 2 words\n\nHow is rye made?")
    expect(form.get_by_label("For everybody")).to_be_visible()  # of an administrator
    assert_accessible(page)
    form.get_by_role("button", name="Create").click()
    expect(agents.get_by_role("listitem")).to_contain_text(["Knows bread"])
    assert_accessible(page)

    agents.get_by_role("button", name="Change Baker").click()
    form = page.get_by_role("dialog", name="Baker")
    expect(form.get_by_label("Instructions")).to_have_value("You bake.")
    expect(form.get_by_label("Ways to begin")).to_have_value("say 2 words\nHow is rye made?")
    tools = form.get_by_role("group", name="Tools: Only these")
    expect(tools.get_by_label("edit_file")).not_to_be_checked()
    expect(tools.get_by_label("read_file")).to_be_checked()
    files = form.get_by_role("group", name="Files")
    chosen = FilePayload(name="rye.txt", mimeType="text/plain", buffer=b"Rye takes a day.")
    files.locator("input[type=file]").set_input_files(chosen)
    expect(files.get_by_role("listitem")).to_contain_text(["rye.txt"])
    assert_accessible(page)
    files.get_by_role("button", name="Delete rye.txt").click()
    page.get_by_role("dialog", name="Delete this file?").get_by_role("button", name="Delete").click()
    expect(files.get_by_role("listitem")).to_have_count(0)
    form.get_by_label("Instructions").fill("You bake bread.")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    agents.get_by_role("button", name="Make a copy of Baker").click()
    form = page.get_by_role("dialog", name="New agent")
    form.get_by_label("Name").fill("Baker")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("status")).to_contain_text("name")
    form.get_by_label("Name").fill("Chef")
    form.get_by_role("button", name="Create").click()
    expect(agents.get_by_role("listitem")).to_have_count(2)
    agents.get_by_role("button", name="Delete Chef").click()
    page.get_by_role("dialog", name="Delete Chef?").get_by_role("button", name="Delete").click()
    expect(agents.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")

    # The list below the message field has it at once, and the model is told what it says.
    page.get_by_role("button", name="Model:").click()
    page.get_by_role("radio", name="Baker").check()
    page.keyboard.press("Escape")
    page.get_by_role("group", name="Ways to begin").get_by_role("button", name="say 2 words").click()
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("word1 word2")
    assert "You bake bread." in provider.requests[-1].body["instructions"]
    offered = {tool["name"] for tool in provider.requests[-1].body["tools"]}
    assert "read_file" in offered
    assert "edit_file" not in offered
    until_idle(page)
    agents = opened(page, "Agents")
    agents.get_by_role("button", name="Delete Baker").click()
    page.get_by_role("dialog", name="Delete Baker?").get_by_role("button", name="Delete").click()
    expect(agents.get_by_text("You have none yet.")).to_be_visible()


def test_a_prompt_for_everybody_is_made_used_and_deleted(page: Page) -> None:
    asked = held_requests(page, "**/api/prompts", times=1)
    prompts = opened(page, "Prompts")
    # Whether one may make it for everybody is not known before.
    expect(prompts.get_by_role("button", name="New prompt")).to_be_disabled()
    asked[0].continue_()
    prompts.get_by_role("button", name="New prompt").click()
    form = page.get_by_role("dialog", name="New prompt")
    form.get_by_label("Name").fill("greet")
    form.get_by_label("Text").fill("echo Dear {{aunt}}")
    form.get_by_label("For everybody").check()
    form.get_by_role("button", name="Create").click()
    expect(prompts.get_by_role("heading", name="For everybody")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    message_field(page).focus()
    page.keyboard.type("/gre")
    expect(page.get_by_role("option", name="/greet")).to_be_visible()
    page.keyboard.press("Enter")
    expect(message_field(page)).to_have_value("echo Dear {{aunt}}")
    message_field(page).fill("")
    prompts = opened(page, "Prompts")
    prompts.get_by_role("button", name="Delete greet").click()
    page.get_by_role("dialog", name="Delete greet?").get_by_role("button", name="Delete").click()
    expect(prompts.get_by_text("You have none yet.")).to_be_visible()
