"""A question in other words than the document: what the model and a person find while a server makes vectors."""

import asyncio

import pytest

from tests.acceptance.test_tools import give, results, tool
from tests.chat_app.test_embeddings import ANSWER, QUESTION
from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(
        {"EMBEDDINGS": "embed-1", "SEARCH_CONVERSATIONS": "true", "HOUSEKEEP_EVERY_S": "0.2", **TIMES}, processes=1
    )


async def test_the_agent_finds_past_conversations_in_other_words(alice: Client, mallory: Client, session: str) -> None:
    for client, title in ((alice, "Of whales"), (mallory, "Not hers")):
        other = await client.create_session(title=title)
        await client.post(f"/api/sessions/{other}/messages", {"role": "user", "content": ANSWER}, status=201)

    async def titles() -> list[tuple[str, int]]:
        (answer,) = await results(alice, session, tool("search_conversations", query=QUESTION, limit=10))
        hits = [hit for hit in answer["results"] if hit["role"] == "user" and hit["snippet"] == ANSWER]
        return [(hit["session_title"], hit["position"]) for hit in hits]

    async with asyncio.timeout(15):  # the housekeeping puts it into vectors
        while not (found := await titles()):
            await asyncio.sleep(0.1)
    assert found == [("Of whales", 1)]


async def test_other_words_find_it_and_words_do_while_the_provider_is_down(
    alice: Client, session: str, provider: Provider
) -> None:
    await give(alice, session, "whales.txt", f"{ANSWER} at large".encode())
    path = f"/api/sessions/{session}/documents/search"

    async def found(q: str) -> list[str]:
        return [result["name"] for result in (await alice.get(path, q=q))["results"]]

    def queries() -> int:
        """That were put into vectors; the housekeeping may do so with what was said at any moment."""
        return sum(body["input"] in ([QUESTION], ["large"]) for body in provider.embedded)

    async with asyncio.timeout(10):  # the housekeeping puts it into vectors
        while not await found(QUESTION):
            await asyncio.sleep(0.05)
    (by_model,) = await results(alice, session, tool("search_documents", query=QUESTION, limit=6))
    assert [passage["citation"] for passage in by_model["passages"]] == ["[whales.txt]"]
    usage = await alice.get("/api/usage", by="model")
    assert "embed-1" in [row["key"] for row in usage["rows"]]
    provider.refuses_to_embed = lambda body: 413
    assert await found(QUESTION) == []
    provider.refuses_to_embed = lambda body: 0
    assert await found(QUESTION) == ["whales.txt"], "a text that it does not take gives it no rest"
    admin = await Client(alice.url).login()
    email, asked = (await alice.get("/api/auth/me"))["email"], queries()
    budget = await admin.post("/api/budgets", {"email": email, "daily_tokens": 1}, status=201)
    assert (await found(QUESTION), await found("large")) == ([], ["whales.txt"])
    assert queries() == asked, "nothing is left of what she may use"
    assert (await admin.http.delete(f"/api/budgets/{budget['user_id']}")).status_code == 200
    await admin.close()
    provider.refuses_to_embed = lambda body: 503
    assert await found(QUESTION) == []
    asked = queries()
    assert await found("large") == ["whales.txt"]
    assert queries() == asked  # it has a rest
