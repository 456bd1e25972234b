"""MCP servers, good and bad: what one of them does costs its own calls and nothing else."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.client import Client, Frame, assert_whole_run, text_of
from tests.harness.provider import Provider
from tests.harness.server import ROOT, Site
from tests.harness.services import free_port, until
from tests.harness.sites import TIMES, Sites

pytestmark = [
    pytest.mark.slow(reason="MCP servers are processes, and calls run into their time-out"),
    pytest.mark.only("sqlite", reason="what an MCP server does reaches no database"),
]

SCRIPT = str(ROOT / "tests" / "harness" / "mcp_server.py")
CALL_TIMEOUT_S = 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mcp")


@pytest.fixture(scope="module")
def remote() -> Iterator[str]:
    port = free_port()
    program = [sys.executable, str(ROOT / "tests" / "harness" / "mcp_http_server.py"), str(port)]
    process = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def site(sites: Sites, place: Path, remote: str) -> Site:
    def server(name: str, **more: Any) -> dict[str, Any]:
        return {
            "transport": "stdio",
            "command": sys.executable,
            "args": [SCRIPT, name, str(place)],
            "write": [str(place)],
            **more,
        }

    def ours(module: str) -> dict[str, Any]:
        args = ["-m", f"chat_app.agent.mcp_servers.{module}"]
        return {"transport": "stdio", "command": sys.executable, "args": args, "cwd": str(ROOT), "network": True}

    servers = {
        "sequential-thinking": ours("sequential_thinking"),
        "fetch": ours("fetch"),
        "good": server("good", env={"ITS_OWN": "secret"}),
        "other": server("other"),
        "strict": server("strict", require_approval=["repeat"]),
        "trusted": server("trusted", require_approval="never"),
        "crowd": server("crowd"),
        "mute": server("mute"),
        "dead": server("dead"),
        "endless": server("endless"),
        "missing": {"transport": "stdio", "command": "/no/such/program"},
        "wrong": {"transport": "pigeon"},
        "remote": {"transport": "streamable_http", "url": remote},
        "nowhere": {"transport": "streamable_http", "url": "http://127.0.0.1:9/mcp"},
    }
    times = TIMES | {"MCP_CALL_TIMEOUT_S": str(CALL_TIMEOUT_S)}
    return sites.get({"MCP_SERVERS": json.dumps(servers), **times}, processes=1)


def tool(name: str, **arguments: Any) -> str:
    return f"tool {name} {json.dumps(arguments, ensure_ascii=False)}"  # as the person wrote it, word for word


async def calls(client: Client, servers: list[str], *calls: str, timeout: float = 30) -> list[Frame]:
    """The ended calls of one run in a session that has chosen these servers."""
    session = await client.create_session(mcp_config=servers)
    async with client.chat(session) as chat:
        await chat.say("; ".join([*calls, "say 2 words"]))
        start = await chat.expect("stream_start")
        end = await chat.expect("stream_end", timeout=timeout)
        frames = chat.of_run(start["run_id"], up_to=end["seq"])
    assert_whole_run(frames)
    assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2")
    return [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] == "completed"]


def offered(provider: Provider) -> list[str]:
    return [tool["name"] for tool in provider.requests[-1].body["tools"]]


async def up(client: Client, provider: Provider, servers: list[str], name: str) -> None:
    """Until they have been started, which takes our own, on a busy machine, longer than a turn waits."""
    async with asyncio.timeout(30):
        while True:
            await calls(client, servers)
            if name in offered(provider):
                return


async def test_a_session_has_the_servers_that_it_chose(alice: Client, provider: Provider) -> None:
    await calls(alice, [])
    own = offered(provider)
    await up(alice, provider, ["sequential"], "sequentialthinking")
    assert offered(provider) == [*own, "sequentialthinking"]
    (thought,) = await calls(
        alice,
        ["sequential"],
        tool("sequentialthinking", thought="Hm", nextThoughtNeeded=True, thoughtNumber=1, totalThoughts=3),
    )
    assert json.loads(thought["result"]) == {"thoughtNumber": 1, "totalThoughts": 3, "nextThoughtNeeded": True}
    body = provider.requests[-1].body
    assert "sequential-thinking" in (body.get("instructions") or str(body["messages"][0]))
    (unknown,) = await calls(alice, [], tool("sequentialthinking", thought="Hm"))
    assert not unknown["success"]


async def test_single_tools_of_a_server_are_disabled_by_the_names_that_the_model_is_given(
    alice: Client, provider: Provider
) -> None:
    await up(alice, provider, ["other", "good", "sequential"], "other_repeat")
    await up(alice, provider, ["other", "good", "sequential"], "sequentialthinking")
    everything = offered(provider)
    off = ["repeat", "sequentialthinking"]
    session = await alice.create_session(mcp_config=["other", "good", "sequential"], disabled_tools=off)
    async with alice.chat(session) as chat:
        frames = await chat.ask(f"{tool('repeat', text='a')}; {tool('other_repeat', text='b')}; say 2 words")
    assert_whole_run(frames)
    assert offered(provider) == [name for name in everything if name not in off], "no other tool takes the name"
    refused, made = [f for f in frames if f["type"] == "tool_call" and f["status"] == "completed"]
    assert (refused["success"], made["result"]) == (False, "other repeat: b")
    said = provider.requests[-1].body
    instructions = said.get("instructions") or str(said["messages"][0])
    assert "good, other" in instructions and "sequential-thinking" not in instructions


async def test_a_session_lists_what_its_model_could_be_given(
    alice: Client, mallory: Client, provider: Provider
) -> None:
    chosen = ["other", "good", "sequential", "missing", "unknown"]
    await up(alice, provider, chosen, "other_repeat")
    await up(alice, provider, chosen, "sequentialthinking")
    everything = offered(provider)
    off = ["other_repeat", "edit_file", "unknown"]
    session = await alice.create_session(mcp_config=chosen, disabled_tools=off)
    offer = await alice.get(f"/api/sessions/{session}/tools")
    assert {one["key"]: one["status"] for one in offer["servers"]} == {
        "sequential-thinking": "connected", "good": "connected", "other": "connected", "missing": "unavailable"
    }  # fmt: skip
    assert sorted(tool["name"] for tool in offer["tools"]) == sorted(everything)
    assert [tool["name"] for tool in offer["tools"] if tool["disabled"]] == ["edit_file", "other_repeat"]
    named = {tool["name"]: tool for tool in offer["tools"]}
    assert named["other_repeat"] == {
        "name": "other_repeat", "description": "repeat of other", "server": "other", "disabled": True
    }  # fmt: skip
    assert (named["sequentialthinking"]["server"], named["edit_file"]["server"]) == ("sequential-thinking", None)
    assert named["edit_file"]["description"]
    stranger = await mallory.http.get(f"/api/sessions/{session}/tools")
    assert stranger.status_code == 404


@pytest.mark.timing(reason="a run waits two seconds, a call ten, for a server that starts")
async def test_names_that_meet_are_told_apart_the_same_way_each_time(alice: Client, provider: Provider) -> None:
    for _ in range(2):
        said = await calls(
            alice,
            ["other", "good"],
            tool("repeat", text="a"),
            tool("other_repeat", text="b"),
            tool("good_read_file", text="c"),
        )
        assert [frame["result"] for frame in said] == ["good repeat: a", "other repeat: b", "good read_file: c"]


@pytest.mark.timing(reason="a run waits two seconds, a call ten, for a server that starts")
async def test_a_server_that_dies_is_started_again(alice: Client) -> None:
    died, repeated = await calls(alice, ["good"], tool("die"), tool("repeat", text="again"))
    assert not died["success"]
    assert "died" in died["result"]
    assert (repeated["success"], repeated["result"]) == (True, "good repeat: again")


@pytest.mark.timing(reason="a run waits two seconds, a call ten, for a server that starts")
async def test_a_server_that_hangs_costs_the_call_and_is_started_again(alice: Client) -> None:
    begun = time.monotonic()
    hung, repeated = await calls(alice, ["good"], tool("hang"), tool("repeat", text="again"))
    assert not hung["success"]
    assert (repeated["success"], repeated["result"]) == (True, "good repeat: again")
    # The call, the question whether it hangs, and a start.
    assert time.monotonic() - begun < CALL_TIMEOUT_S + 15


async def test_what_a_server_says_is_taken_with_care(alice: Client, site: Site) -> None:
    before = site.servers[0].rss_bytes()
    garbage, long, lie, refused, flood = await calls(
        alice, ["trusted"], tool("garbage", text="x"), tool("long"), tool("lie"), tool("refuse"), tool("flood")
    )
    assert garbage["result"] == "trusted garbage: x"
    assert len(long["result"]) < 300_000
    assert "[Cut: " in long["result"]
    assert not lie["success"]
    assert (refused["success"], "I will not." in refused["result"]) == (False, True)
    assert not flood["success"]
    assert site.servers[0].rss_bytes() - before < 64 * 1024 * 1024


@pytest.mark.timing(reason="a turn is timed while servers are being started")
async def test_servers_that_are_not_there_do_not_delay_a_turn(alice: Client, provider: Provider) -> None:
    await up(alice, provider, ["good"], "repeat")
    bad = ["mute", "dead", "endless", "missing", "wrong", "nowhere"]
    took_s = []
    for _ in range(4):
        begun = time.monotonic()
        said = await calls(alice, [*bad, "good"], tool("repeat", text="here"))
        took_s.append(time.monotonic() - begun)
        assert said[0]["result"] == "good repeat: here"
    assert took_s[0] < 5
    assert min(took_s[1:]) < 2  # which is how long each would take at least that waited for them again
    assert not any("pigeon" in name for name in offered(provider))


async def test_a_servers_environment_holds_nothing_of_ours(alice: Client, provider: Provider) -> None:
    await up(alice, provider, ["good"], "environment")
    (said,) = await calls(alice, ["good"], tool("environment"))
    names = set(json.loads(said["result"]))
    assert "ITS_OWN" in names
    assert not names & {
        "SECRET_KEY",
        "OPENAI_API_KEY",
        "DATABASE_URL",
        "DEFAULT_USER_PASSWORD",
        "MCP_SERVERS",
        "DATA_DIR",
    }


async def test_a_list_of_tools_is_capped(alice: Client, provider: Provider) -> None:
    await calls(alice, ["crowd", "good"])
    names = offered(provider)
    assert len([name for name in names if name.startswith("one_of_many_")]) == 64
    assert "repeat" in names
    assert "huge_schema" not in names


async def test_a_server_over_http(alice: Client, provider: Provider, remote: str) -> None:
    await up(alice, provider, ["remote"], "add")
    added, flood, again = await calls(alice, ["remote"], tool("add", a=2, b=3), tool("flood"), tool("add", a=2, b=4))
    assert (added["success"], added["result"]) == (True, "5")
    assert not flood["success"]
    assert again["result"] == "6"


async def asked(client: Client, server: str, call: str) -> str:
    """How the first part of the run ended."""
    session = await client.create_session(mcp_config=[server])
    async with client.chat(session) as chat:
        await chat.say(f"{call}; say 1 word")
        return str((await chat.expect("stream_end"))["finish_reason"])


async def test_what_destroys_asks_unless_the_settings_say_otherwise(alice: Client, place: Path) -> None:
    assert await asked(alice, "good", tool("erase")) == "awaiting_approval"
    assert not (place / "erased").exists()
    assert await asked(alice, "good", tool("repeat")) == "stop"
    assert await asked(alice, "strict", tool("repeat")) == "awaiting_approval"
    assert await asked(alice, "strict", tool("erase")) == "stop"
    (place / "erased").unlink()
    assert await asked(alice, "trusted", tool("erase")) == "stop"


FORBIDDEN = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://0.0.0.0:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://127。0。0。1:{port}/",
    "http://user:password@127.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
]


async def test_fetch_reaches_nothing_of_ours(alice: Client, provider: Provider) -> None:
    touched: list[str] = []

    async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        touched.append("touched")
        writer.close()

    server = await asyncio.start_server(canary, None, 0)
    port = server.sockets[0].getsockname()[1]
    await up(alice, provider, ["fetch"], "fetch")
    said = await calls(alice, ["fetch"], "together", *(tool("fetch", url=url.format(port=port)) for url in FORBIDDEN))
    server.close()
    assert len(said) == len(FORBIDDEN)
    assert [frame["arguments"] for frame in said if frame["success"]] == []
    assert touched == []


async def test_a_call_that_a_crash_cut_is_not_made_again(alice: Client, site: Site, place: Path) -> None:
    session = await alice.create_session(mcp_config=["good"])
    async with alice.chat(session, after=0) as chat:
        await chat.say(f"{tool('work_slowly', text='once')}; say 2 words")
        await chat.expect("tool_call", status="executing")
        await asyncio.to_thread(until, (place / "worked").exists, "the tool is at work", 10)
        last = chat.log[-1]["seq"]
        site.servers[0].kill()
    site.servers[0].start()
    await asyncio.to_thread(site.servers[0].wait)
    async with alice.chat(session, after=last) as chat:
        await chat.expect("stream_end", finish_reason="error", timeout=30)
        cut = [f for f in chat.log if f["type"] == "tool_call" and f["status"] == "completed"]
        assert [(frame["success"], frame.get("interrupted")) for frame in cut] == [(False, True)]
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    assert (place / "worked").read_text() == "once\n"
