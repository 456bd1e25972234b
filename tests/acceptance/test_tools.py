"""The agent at work on the files of a session, on a disk and in a bucket."""

import json
from typing import Any

import pytest

from tests.files_app.test_extract import TINY_PDF
from tests.harness.bucket import Bucket
from tests.harness.client import Client, Frame, assert_whole_run
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

ONCE = pytest.mark.only("sqlite", reason="storage and database know nothing of each other")


@pytest.fixture(scope="module", params=[pytest.param("local", marks=ONCE), "s3"])
def site(request: pytest.FixtureRequest, sites: Sites, s3_endpoint: str) -> Site:
    return sites.get(TIMES | (Bucket(s3_endpoint).environment if request.param == "s3" else {}))


async def give(client: Client, session: str, name: str, data: bytes) -> None:
    answer = await client.http.post(f"/api/sessions/{session}/files/upload", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text


async def made(client: Client, session: str, path: str) -> bytes:
    answer = await client.http.get(f"/api/sessions/{session}/files/{path}/download?folder=output")
    assert answer.status_code == 200, answer.text
    return answer.content


def tool(name: str, **arguments: Any) -> str:
    return f"tool {name} {json.dumps(arguments)}"


async def results(client: Client, session: str, *calls: str) -> list[Frame]:
    """What the calls answered, one turn after another."""
    async with client.chat(session) as chat:
        frames = await chat.ask("; ".join([*calls, "say 2 words"]))
    assert_whole_run(frames)
    answers = [json.loads(frame["result"]) for frame in ended(frames)]
    assert [frame["success"] for frame in ended(frames)] == [answer["success"] for answer in answers]
    return answers


def ended(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] == "completed"]


def offered(provider: Provider) -> set[str]:
    """By the last request. Chat Completions has a level more."""
    return {one.get("function", one)["name"] for one in provider.requests[-1].body["tools"]}


async def test_the_agent_lists_reads_and_searches_what_a_person_gave(
    alice: Client, session: str, provider: Provider
) -> None:
    await give(alice, session, "whales.pdf", TINY_PDF.encode())
    await give(alice, session, "prices.csv", b"fruit,price\napple,3\npear,4\n")
    listed, read, table, found, missing = await results(
        alice,
        session,
        tool("list_directory", path="."),
        tool("read_file", file_path="sources/whales.pdf", head=None, tail=None),
        tool("read_file", file_path="prices.csv", head=3, tail=1),
        tool("search_files", pattern="*.PDF", base_path="."),
        tool("read_file", file_path="nothing.txt", head=None, tail=None),
    )
    assert {entry["path"] for entry in listed["entries"]} == {
        "sources", "output", "sources/whales.pdf", "sources/prices.csv",
    }  # fmt: skip
    assert "Blue whales sing" in read["content"]
    assert table["content"] == "| apple | 3 |"
    assert [entry["path"] for entry in found["entries"]] == ["sources/whales.pdf"]
    assert missing == {"success": False, "error": "There is no file nothing.txt."}
    # They stand in the instructions of each turn, sorted.
    said = [text for role, text in provider.requests[0].texts if role in ("system", "developer")]
    instructions = provider.requests[0].body.get("instructions") or said[0]
    assert instructions.index("sources/prices.csv") < instructions.index("sources/whales.pdf")


async def test_a_long_text_is_read_on_where_it_was_cut(alice: Client, session: str) -> None:
    await give(alice, session, "long.txt", "".join(f"line {n} {'x' * 50}\n" for n in range(1, 3001)).encode())
    (first,) = await results(alice, session, tool("read_file", file_path="long.txt", head=None, tail=None))
    shown = first["content"].splitlines()
    assert first["lines"] == 3000
    assert 100 < len(shown) < 3000
    head, tail = len(shown) * 2, len(shown)
    assert f"Read on with head={head}, tail={tail}" in first["note"]
    (second,) = await results(alice, session, tool("read_file", file_path="long.txt", head=head, tail=tail))
    assert second["content"].startswith(f"line {len(shown) + 1} ")


async def test_edits_are_made_all_or_not_at_all(alice: Client, session: str) -> None:
    await give(alice, session, "notes.md", b"# Plan\n\nbuy milk\nbuy bread\n")
    edits = [{"oldText": "milk", "newText": "oat milk"}, {"oldText": "bread", "newText": "rye"}]
    wrong = [{"oldText": "# Plan", "newText": "# Lost"}, {"oldText": "not in it", "newText": "x"}]
    twice = [{"oldText": "buy", "newText": "sell"}]
    refused, ambiguous, edited, read = await results(
        alice,
        session,
        tool("edit_file", file_path="notes.md", edits=wrong),
        tool("edit_file", file_path="notes.md", edits=twice),
        tool("edit_file", file_path="notes.md", edits=edits),
        tool("read_file", file_path="notes.md", head=None, tail=None),
    )
    assert "Nothing was changed" in refused["error"]
    assert "2 times" in ambiguous["error"]
    assert "-buy milk\n-buy bread\n+buy oat milk\n+buy rye" in edited["diff"]
    assert read["content"] == "# Plan\n\nbuy oat milk\nbuy rye"


async def test_what_the_agent_makes_can_be_downloaded_once_it_says_so(
    alice: Client, session: str, provider: Provider
) -> None:
    content = "# Grüße\n\n" + "ein Wort " * 2000
    call = tool("generate_document", content=content, filename="reports/greeting.md")
    async with alice.chat(session) as chat:
        await chat.say(f"{call}; gate made after 0; say 3")
        done = await chat.expect("tool_call", status="completed")
        assert json.loads(done["result"])["file_path"] == "output/reports/greeting.md"
        assert (await made(alice, session, "reports/greeting.md")).decode() == content
        provider.open_gate("made")
        await chat.expect("stream_end", finish_reason="stop")
    refused, outside, binary = await results(
        alice,
        session,
        tool("generate_document", content="x", filename="../../etc/passwd"),
        tool("generate_document", content="x", filename="sources/given.md"),
        tool("generate_document", content="x", filename="slides.pptx"),
    )
    assert (refused["success"], outside["success"], binary["success"]) == (False, False, False)


async def test_no_path_leads_out_of_the_session(alice: Client, session: str) -> None:
    other = await alice.create_session()
    await give(alice, other, "secret.txt", b"of another session")
    paths = ["/etc/passwd", "../secret.txt", "sources/../../x", "..\\x", f"../{other}/sources/secret.txt", "secret.txt"]
    answers = await results(
        alice, session, *(tool("read_file", file_path=path, head=None, tail=None) for path in paths)
    )
    assert [answer["success"] for answer in answers] == [False] * len(paths)
    assert "of another session" not in str(answers)


async def test_a_disabled_tool_is_not_offered_nor_carried_out_and_comes_back(alice: Client, provider: Provider) -> None:
    session = await alice.create_session(disabled_tools=["edit_file", "current_time", "nobody has it"])
    await give(alice, session, "notes.md", b"buy milk\n")
    edit = tool("edit_file", file_path="notes.md", edits=[{"oldText": "milk", "newText": "rye"}])
    read = tool("read_file", file_path="notes.md", head=None, tail=None)
    async with alice.chat(session) as chat:
        frames = await chat.ask(f"{edit}; {read}; say 2 words")
        assert_whole_run(frames)
        refused, seen = ended(frames)
        assert not refused["success"] and "edit_file" in refused["result"]
        assert json.loads(seen["result"])["content"] == "buy milk"
        assert not {"edit_file", "current_time"} & offered(provider)
        assert {"read_file", "generate_document"} <= offered(provider)
        await alice.http.patch(f"/api/sessions/{session}", json={"disabled_tools": ["current_time"]})
        frames = await chat.ask(f"{edit}; {read}; say 2 words")
    edited, seen = ended(frames)
    assert edited["success"] and json.loads(seen["result"])["content"] == "buy rye"
    assert "edit_file" in offered(provider) and "current_time" not in offered(provider)


async def test_the_demo_reads_files_in_plain_words(site: Site) -> None:
    alice = await Client(site.url).login()
    session = await alice.create_session(model="demo")
    await give(alice, session, "hello.txt", b"hello from a file")
    async with alice.chat(session) as chat:
        listed = await chat.ask("Please list my files")
        read = await chat.ask("read hello.txt")
    await alice.close()
    said = ["".join(f["content"] for f in frames if f["type"] == "delta") for frames in (listed, read)]
    assert "hello.txt" in said[0]
    assert "hello from a file" in said[1]
