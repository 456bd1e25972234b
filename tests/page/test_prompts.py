"""Prompts under "/", and agents beside the model."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.page.conftest import answer, assert_accessible, message_field, until_idle


@pytest.fixture
def kept(site: Site) -> Iterator[None]:
    """An agent and two prompts, for as long as the test takes."""
    with httpx.Client(base_url=site.url, trust_env=False) as client:
        grant = client.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {grant.raise_for_status().json()['access_token']}"
        made = [
            ("agents", {"name": "Baker", "instructions": "You bake.", "starters": ["say 2 words", "How is rye made?"]}),
            ("prompts", {"name": "letter", "text": "echo Dear {{aunt}}, I am {{mood}}"}),
            ("prompts", {"name": "list", "text": "say 1 words"}),
        ]
        paths = []
        for kind, fields in made:
            answer = client.post(f"/api/{kind}", json=fields).raise_for_status()
            paths.append(f"/api/{kind}/{answer.json()['id']}")
        yield
        for path in paths:
            client.delete(path).raise_for_status()


def test_a_prompt_is_chosen_and_filled_in_by_the_keyboard(kept: None, page: Page) -> None:
    field, options = message_field(page), page.get_by_role("listbox", name="Prompts").get_by_role("option")
    page.keyboard.type("/l")
    expect(options).to_have_count(2)
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    page.keyboard.type("i")
    expect(options).to_contain_text(["/list"])
    page.keyboard.press("Backspace")
    expect(options).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(field).to_have_value("echo Dear {{aunt}}, I am {{mood}}")
    page.keyboard.type("Emma")
    page.keyboard.press("Tab")
    page.keyboard.type("well")
    expect(field).to_have_value("echo Dear Emma, I am well")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("Dear Emma, I am well")
    until_idle(page)


def test_an_agent_is_chosen_offers_a_beginning_and_answers(kept: None, page: Page, provider: Provider) -> None:
    starters = page.get_by_role("group", name="Ways to begin")
    expect(starters).to_be_hidden()
    page.get_by_role("button", name="Model:").click()
    page.get_by_role("radio", name="Baker").check()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Agent: Baker, Model:")).to_be_visible()
    starters.get_by_role("button", name="say 2 words").click()
    expect(message_field(page)).to_have_value("say 2 words")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("word1 word2")
    assert "You bake." in provider.requests[-1].body["instructions"]
    expect(page.get_by_role("button", name="Agent: Baker, Model:")).to_be_visible()
    until_idle(page)
