"""The agent finds what stands in files, and what was said elsewhere where the operator lets it."""

import json

import pytest

from tests.acceptance.test_tools import give, results, tool
from tests.files_app.test_passages import pdf
from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get({"SEARCH_CONVERSATIONS": "true", **TIMES}, processes=1)


def names(provider: Provider) -> set[str]:
    """Of the tools that the model was told of."""
    return {str(offered["name"]) for offered in provider.requests[-1].body["tools"]}


async def test_the_agent_finds_a_passage_of_a_file_that_has_just_come(
    alice: Client, mallory: Client, session: str, provider: Provider
) -> None:
    await give(alice, session, "whales.pdf", pdf("Of fish", "Blue whales sing"))
    theirs = await mallory.create_session()
    await give(mallory, theirs, "secret.txt", b"Blue whales are mine")
    found, nothing, odd, empty = await results(
        alice,
        session,
        tool("search_documents", query="What do blue whales do?", limit=6),
        tool("search_documents", query="secret mine", limit=6),
        tool("search_documents", query='") OR "mine* NOT (', limit=-1),
        tool("search_documents", query=" ?! ", limit=6),
    )
    (passage,) = found["passages"]
    assert (passage["citation"], passage["page"], passage["text"]) == ("[whales.pdf, p. 2]", 2, "Blue whales sing")
    assert passage["file_path"] == "sources/whales.pdf"
    assert (nothing["passages"], odd["passages"]) == ([], [])
    assert empty["error"] == "Give at least one word to look for."
    said = str(provider.requests[0].body)
    assert "[report.pdf, p. 3]" in said


async def test_a_person_finds_it_too(alice: Client, mallory: Client, session: str) -> None:
    path = f"/api/sessions/{session}/documents/search"
    await give(alice, session, "whales.txt", b"Blue whales sing")
    answer = await alice.get(path, q="whales")  # it is read first
    assert (answer["pending"], [found["citation"] for found in answer["results"]]) == (0, ["[whales.txt]"])
    assert await alice.get(path, q="whales") == answer
    await give(alice, session, "fish.txt", b"Herrings are many")
    text = await alice.get(f"/api/sessions/{session}/documents/text", file="fish.txt")  # so is this
    assert [passage["text"] for passage in text["passages"]] == ["Herrings are many"]
    assert (await mallory.http.get(path, params={"q": "whales"})).status_code == 404


async def test_the_model_reads_the_files_of_the_agent_that_acts(alice: Client, provider: Provider) -> None:
    agent = await alice.post("/api/agents", {"name": "Whaler"}, status=201)
    for given in (("whales.txt", b"Blue whales sing"), ("fish.pdf", pdf("Of herrings"))):
        answer = await alice.http.post(f"/api/agents/{agent['id']}/files/upload", files={"file": given})
        assert answer.status_code == 201, answer.text
    session = await alice.create_session(agent_name="Whaler")
    found, read, document, listed, refused = await results(
        alice,
        session,
        tool("search_documents", query="whales", limit=6),
        tool("read_file", file_path="agent/whales.txt", head=None, tail=None),
        tool("read_file", file_path="agent/fish.pdf", head=None, tail=None),
        tool("list_directory", path="."),
        tool("edit_file", file_path="agent/whales.txt", edits=[{"oldText": "Blue", "newText": "Red"}]),
    )
    assert [(one["citation"], one["file_path"]) for one in found["passages"]] == [("[whales.txt]", "agent/whales.txt")]
    assert read["content"] == "Blue whales sing" and "Of herrings" in document["content"]
    assert "agent/whales.txt" in [entry["path"] for entry in listed["entries"]]
    assert not refused["success"]
    assert "agent/whales.txt" in str(provider.requests[0].body)
    other = await alice.create_session()
    found, read = await results(
        alice,
        other,
        tool("search_documents", query="whales", limit=6),
        tool("read_file", file_path="agent/whales.txt", head=None, tail=None),
    )
    assert (found["passages"], read["success"]) == ([], False)


async def test_conversations_are_searched_where_the_operator_lets_the_agent(
    alice: Client, mallory: Client, session: str, provider: Provider, sites: Sites
) -> None:
    for client, said in ((alice, "The password is quince"), (mallory, "The password is medlar")):
        other = await client.create_session(title="Of passwords")
        await client.post(f"/api/sessions/{other}/messages", {"role": "user", "content": said}, status=201)
    (found,) = await results(alice, session, tool("search_conversations", query="password is", limit=10))
    assert "search_conversations" in names(provider)
    elsewhere = [result for result in found["results"] if result["session_title"] == "Of passwords"]
    assert [result["snippet"] for result in elsewhere] == ["The password is quince"]
    assert "medlar" not in json.dumps(found)


async def test_without_that_it_has_no_such_tool(sites: Sites, provider: Provider) -> None:
    client = await Client(sites.get(TIMES).url).login()
    async with client.chat(await client.create_session()) as chat:
        await chat.ask("say 1 words")
    await client.close()
    assert "search_documents" in names(provider)
    assert "search_conversations" not in names(provider)
