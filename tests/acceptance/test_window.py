"""Conversations that are longer than what their model can be given."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from tests.harness.client import Chat, Client, Frame, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider, Script
from tests.harness.provider.server import RecordedRequest
from tests.harness.provider.server import text_of as words_of
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

WINDOW = 4_000
TURNS = 24
MODEL = "gpt-4.1"
SMALL = {"MODEL_WINDOWS": f'{{"{MODEL}": {WINDOW}}}', "DEFAULT_MODEL": MODEL, **TIMES}
ONCE = pytest.mark.only("sqlite", reason="the API of a provider reaches no database")
TURN = 'tool current_time {{"timezone": "UTC"}}; echo Turn {0} FACT{0}, {1}'
PADDING = "and some more words to fill the window with " * 6


def keep_facts(request: RecordedRequest) -> Script | None:
    """A model that is asked for a summary, and keeps the first facts in it."""
    last = words_of(request.items[-1])
    if request.body.get("tools") or not last.startswith(("Summarize", "This is the summary")):
        return None
    facts = dict.fromkeys(re.findall(r"FACT\d+", last))
    return Script(text="Facts: " + " ".join(list(facts)[:5]))


def short_turn(number: int) -> str:
    """Every second one calls a tool."""
    call = 'tool current_time {"timezone": "UTC"}; ' if number % 2 else ""
    return f"{call}echo Turn {number} FACT{number}"


def tell_facts(request: RecordedRequest) -> Script | None:
    """A model that answers from what it was given."""
    return keep_facts(request) or Script(text=" ".join(dict.fromkeys(re.findall(r"FACT\d+", str(request.items)))))


@pytest.fixture(params=["responses", pytest.param("chat_completions", marks=ONCE)])
def small_site(request: pytest.FixtureRequest, sites: Sites) -> Site:
    return sites.get({"OPENAI_API": request.param, **SMALL}, processes=1)


@pytest.fixture
async def person(small_site: Site, provider: Provider) -> AsyncIterator[Client]:
    provider.answers = keep_facts
    client = await Client(small_site.url).login()
    yield client
    await client.close()


def refusals(provider: Provider) -> list[RecordedRequest]:
    return [request for request in provider.requests if request.ended == "too long"]


async def ask_well(chat: Chat, text: str) -> list[Frame]:
    frames = await chat.ask(text)
    assert_whole_run(frames)
    assert frames[-1]["finish_reason"] == "stop", frames[-3:]
    return frames


async def converse(person: Client, provider: Provider, turns: int) -> str:
    """Turns with tools, through a window that holds three or four of them."""
    provider.window = WINDOW
    session = await person.create_session()
    async with person.chat(session, after=0) as chat:
        for number in range(turns):
            await ask_well(chat, TURN.format(number, PADDING))
        assert_gapless(chat.log)
    return session


async def test_a_conversation_goes_on_through_a_small_window(person: Client, provider: Provider) -> None:
    turns = TURNS
    session = await converse(person, provider, turns)
    assert refusals(provider) == []
    last = provider.requests[-1]
    given = [text for role, text in last.texts if role == "user"]
    assert [text.split(",")[0].split()[-2:] for text in given[-2:]] == [
        [str(turns - 2), f"FACT{turns - 2}"],
        [str(turns - 1), f"FACT{turns - 1}"],
    ]
    assert "FACT0" in str(last.items), "what was said first is in the summary"

    detail = await person.detail(session)
    rows: list[Frame] = []
    while len(rows) < detail["message_count"]:
        rows += (await person.get(f"/api/sessions/{session}/messages", limit=100, offset=len(rows)))["messages"]
    assert [row["content"] for row in rows if row["role"] == "user"] == [
        TURN.format(number, PADDING) for number in range(turns)
    ]
    summaries = [row for row in rows if row["tool_name"] == "summarize_conversation"]
    assert summaries and all(row["tool_success"] and "FACT0" in row["tool_result"] for row in summaries)
    assert detail["session"]["tokens"] <= detail["session"]["max_tokens"] == WINDOW

    context = await person.get(f"/api/sessions/{session}/context")
    assert [item["origin"] for item in context["items"]] == ["summary", *["said"] * (len(context["items"]) - 1)]
    assert sum(item["tokens"] for item in context["items"]) < WINDOW
    assert len(context["compactions"]) >= len(summaries)
    for compaction in reversed(context["compactions"]):
        assert (compaction["undone"], compaction["tokens_after"] < compaction["tokens_before"]) == (False, True)
        undone = await person.post(f"/api/sessions/{session}/context/undo")
        assert len(undone["items"]) > len(context["items"]) - 1
        context = undone
    assert [item["origin"] for item in context["items"]] == ["said"] * len(context["items"])
    assert all(compaction["undone"] for compaction in context["compactions"])
    asked = [item["item"]["content"] for item in context["items"] if item["item"].get("role") == "user"]
    assert len(asked) == turns
    answer = await person.http.post(f"/api/sessions/{session}/context/undo")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "nothing_to_undo")
    async with person.chat(session) as chat:  # several times the window by now
        await ask_well(chat, "say 2 words")


@pytest.mark.slow(reason="300 turns")
@pytest.mark.only("sqlite", reason="what a turn takes is the same elsewhere")
async def test_the_first_facts_are_known_after_300_turns(sites: Sites, provider: Provider) -> None:
    """By the API whose rules are the strictest, turn after turn over one socket."""
    provider.answers, provider.window = keep_facts, WINDOW
    person = await Client(sites.get({"OPENAI_API": "chat_completions", **SMALL}, processes=1).url).login()
    session = await person.create_session()
    async with person.chat(session, after=0) as chat:
        for number in range(300):
            await chat.ask(short_turn(number))
        ends = [frame["finish_reason"] for frame in chat.log if frame["type"] == "stream_end"]
        assert ends == ["stop"] * 300
        assert_gapless(chat.log)
        provider.answers = tell_facts
        assert text_of(await ask_well(chat, "Which were the first facts?")).split()[:3] == ["FACT0", "FACT1", "FACT2"]
    assert refusals(provider) == []
    assert provider.violations == []
    assert len([request for request in provider.requests if keep_facts(request)]) > 5, (
        "it was compacted again and again"
    )
    asked, *last = [item for item in provider.requests[-1].items if item["role"] != "system"][::-1]
    assert words_of(asked) == "Which were the first facts?"
    said, result, call, words, said_before, words_before, *_ = last
    assert (words_of(said), words_of(words)) == ("Turn 299 FACT299", short_turn(299))
    assert result["tool_call_id"] == call["tool_calls"][0]["id"]
    assert (words_of(said_before), words_of(words_before)) == ("Turn 298 FACT298", short_turn(298))
    await person.close()


async def test_a_context_of_twice_the_window_comes_back_to_life(person: Client, provider: Provider) -> None:
    provider.window = WINDOW
    session = await person.create_session()
    for number in range(8):
        for role in ("user", "assistant"):
            body = {"role": role, "content": f"FACT{number} " + "word " * 500}
            await person.post(f"/api/sessions/{session}/messages", body, status=201)
    async with person.chat(session) as chat:
        assert text_of(await ask_well(chat, "say 3 words")) == "word1 word2 word3"
    assert refusals(provider) == []
    assert "FACT0" in str(provider.requests[-1].items)
    # Of any size, also when it is asked for.
    while (await person.http.post(f"/api/sessions/{session}/context/undo")).status_code == 200:
        pass
    told = await person.post(f"/api/sessions/{session}/summarize")
    assert (told["success"], "FACT0" in told["summary"]) == (True, True)
    assert told["tokens_after"] < told["tokens_before"]


async def test_results_of_one_answer_that_are_too_much_are_shortened(person: Client, provider: Provider) -> None:
    provider.window = WINDOW
    session = await person.create_session()
    book = {"file": ("book.txt", b"line of a book that is long\n" * 800)}
    assert (await person.http.post(f"/api/sessions/{session}/files/upload", files=book)).status_code == 201
    call = 'tool read_file {"file_path": "sources/book.txt", "head": null, "tail": null}'
    async with person.chat(session) as chat:
        frames = await ask_well(chat, f"{call}; {call}; say 3 words")
        assert text_of(frames) == "word1 word2 word3"
    whole = [frame["result"] for frame in frames if frame["type"] == "tool_call" and frame["name"] == "read_file"]
    assert len(max(whole, key=len)) > 20_000, "people see all of it"
    assert refusals(provider) == []
    said = [text for role, text in provider.requests[-1].texts if role == "user"]
    assert said == [f"{call}; {call}; say 3 words"]
    number = re.findall(r"read_result\((\d+)\)", str(provider.requests[-1].items))[0]
    async with person.chat(session) as chat:
        frames = await ask_well(chat, f'tool read_result {{"number": {number}, "start": 20000}}; say 2 words')
        frames += await ask_well(chat, 'tool read_result {"number": 1, "start": 0}; say 2 words')
    done = [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] == "completed"]
    read, none = [frame for frame in done if frame["name"] == "read_result"]
    assert json.loads(read["result"])["content"] == max(whole, key=len)[20_000:32_000]
    assert (read["success"], none["success"]) == (True, False)


async def test_a_window_that_is_smaller_than_known_is_learned(person: Client, provider: Provider) -> None:
    session = await person.create_session(model="gpt-4o")
    async with person.chat(session) as chat:
        for number in range(4):
            await ask_well(chat, TURN.format(number, PADDING * 4))
        provider.window = WINDOW
        await ask_well(chat, TURN.format(5, PADDING * 4))
        assert len(refusals(provider)) == 1
        for number in range(6, 9):
            await ask_well(chat, TURN.format(number, PADDING * 4))
        assert len(refusals(provider)) == 1, "the next turns know"
    assert "FACT0" in str(provider.requests[-1].items)


async def test_a_message_that_cannot_fit_is_refused_before_it_is_accepted(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        await chat.say("word " * 5_000, client_id="large")
        error = await chat.expect("error")
        assert error["code"] == "message_too_large"
        assert re.search(r"about \d+ tokens; this model can be given \d+ at once", error["message"])
        assert_whole_run(await chat.ask("say 2 words"))
    answer = await person.http.post(
        f"/api/sessions/{session}/messages", json={"role": "user", "content": "word " * 5_000}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "message_too_large")
    assert len((await person.detail(session))["messages"]) == 2


async def test_a_summary_that_fails_changes_nothing(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        for number in range(3):
            await ask_well(chat, f"echo FACT{number}")
    before = await person.get(f"/api/sessions/{session}/context")
    provider.answers = lambda request: Script(status=401)
    answer = await person.http.post(f"/api/sessions/{session}/summarize")
    assert answer.status_code == 502
    assert await person.get(f"/api/sessions/{session}/context") == before
    usage = await person.get("/api/usage", by="session")
    row = next(row for row in usage["rows"] if row["key"] == session)
    assert (row["calls"], row["input_tokens"] > 0, row["output_tokens"]) == (4, True, 3)
    assert usage["total"]["calls"] == sum(row["calls"] for row in usage["rows"])
