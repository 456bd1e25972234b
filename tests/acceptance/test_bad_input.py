"""Whatever comes in: 400 or an error frame in the one shape, never a 500, and nothing lost."""

import json
from typing import Any

import httpx
import pytest

from tests.harness.client import Client, assert_whole_run

DEEP = "[" * 100_000 + "]" * 100_000
FRAMES: list[str | bytes] = [
    "",
    "null",
    "[]",
    "7",
    '"text"',
    "{",
    "{}",
    "NaN",
    DEEP,
    '{"type": ' + DEEP + "}",
    '{"type": null}',
    '{"type": 7}',
    '{"type": []}',
    '{"type": "telepathy"}',
    '{"type": "message"}',
    '{"type": "message", "messages": null}',
    '{"type": "message", "messages": []}',
    '{"type": "message", "messages": {}}',
    '{"type": "message", "messages": "text"}',
    '{"type": "message", "messages": [null]}',
    '{"type": "message", "messages": [7]}',
    '{"type": "message", "messages": [[]]}',
    '{"type": "message", "messages": [{}]}',
    '{"type": "message", "messages": [""]}',
    '{"type": "message", "messages": ["   "]}',
    '{"type": "message", "messages": [{"content": null}]}',
    '{"type": "message", "messages": [{"content": 7}]}',
    '{"type": "message", "messages": [{"content": ""}]}',
    '{"type": "message", "messages": [{"content": {"text": "x"}}]}',
    '{"type": "message", "messages": [{"content": NaN}]}',
    '{"type": "message", "messages": ["\\u0000"]}',
    '{"type": "message", "messages": ["a\\ud800b"]}',
    '{"type": "message", "messages": [{"content": "x", "attachments": [{"id": "1"}]}]}',
    '{"type": "message", "messages": ["x"], "model": 7}',
    '{"type": "message", "messages": ["x"], "model": "m\\u0000"}',
    '{"type": "message", "messages": ["x"], "reasoning_effort": "colossal"}',
    '{"type": "message", "messages": ["x"], "on_busy": "explode"}',
    '{"type": "message", "messages": ["x"], "client_id": {}}',
    '{"type": "message", "messages": ["x"], "client_id": "\\ud800"}',
    '{"type": "message", "messages": ["x"], "client_id": "' + "x" * 10_000 + '"}',
    '{"type": "interrupt", "run_id": 7}',
    '{"type": "interrupt", "run_id": "not-a-uuid"}',
    '{"type": "auth"}',
    '{"type": "auth", "token": null}',
    '{"type": "auth", "token": 7}',
    '{"type": "stream_end"}',
    b"\x00\x01\x02",
    b'{"type": "ping"',
]


async def test_a_bad_frame_is_answered_and_the_socket_stays_open(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        for number, frame in enumerate(FRAMES):
            await chat.send(frame)
            error = await chat.expect("error", "accepted")
            assert error["type"] == "error", frame[:200]
            assert error["code"] and error["message"]
            assert "Traceback" not in error["message"]
            assert "seq" not in error
            await chat.send({"type": "ping"})
            await chat.expect("pong")
            assert len([f for f in chat.frames if f["type"] == "error"]) == number + 1
        assert_whole_run(await chat.ask("say 3 words"))
    assert [m["content"] for m in (await alice.detail(session))["messages"]] == [
        "say 3 words",
        "word1 word2 word3",
    ]


async def test_a_frame_over_one_mebibyte_closes_the_socket_and_loses_nothing(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("say 2 words")
        await chat.send({"type": "message", "messages": ["x" * (1024 * 1024 + 1)]})
        assert await chat.wait_closed() == 1009
    async with alice.chat(session) as chat:
        assert_whole_run(await chat.ask("say 2 words"))


async def test_a_large_message_is_kept_whole(alice: Client, session: str) -> None:
    text = "äöü " * 50_000
    async with alice.chat(session) as chat:
        await chat.say(text)
        await chat.expect("accepted")
        await chat.send({"type": "interrupt"})
        await chat.expect("stream_end")
    assert (await alice.detail(session))["messages"][0]["content"] == text


SESSIONS: list[dict[str, Any]] = [
    {"session_id": 7},
    {"session_id": ""},
    {"session_id": "a/b"},
    {"session_id": "."},
    {"session_id": ".."},
    {"session_id": "x" * 65},
    {"session_id": "a\u0000b"},
    {"session_id": "\ud800"},
    {"session_id": None, "title": 7},
    {"title": "x" * 256},
    {"title": "a\u0000b"},
    {"title": "\ud800"},
    {"title": []},
    {"model": {}},
    {"model": "a\u0000b"},
    {"mcp_config": "sequential"},
    {"mcp_config": [7]},
    {"mcp_config": ["x" * 129]},
    {"mcp_config": {}},
    {"disabled_tools": "read_file"},
    {"disabled_tools": [7]},
    {"disabled_tools": ["x" * 129]},
    {"disabled_tools": ["x"] * 101},
    {"reasoning_effort": "colossal"},
    {"reasoning_effort": 7},
    {"agent_name": "x" * 65},
    {"agent_name": None, "metadata": []},
    {"metadata": "x"},
    {"metadata": {"a": "\u0000"}},
    {"metadata": {"\ud800": 1}},
    {"metadata": {"a": float("nan")}},
    {"metadata": {"a": float("inf")}},
]
CHANGES: list[dict[str, Any]] = [
    {"title": None},
    {"title": "x" * 256},
    {"pinned": "maybe"},
    {"pinned": None},
    {"archived": {}},
    {"metadata": None},
    {"mcp_config": None},
    {"disabled_tools": None},
    {"disabled_tools": ["x"] * 101},
    {"model": ""},
    {"model": None},
]
MESSAGES: list[dict[str, Any]] = [
    {},
    {"role": "user"},
    {"content": "x"},
    {"role": "tool_call", "content": "x"},
    {"role": "narrator", "content": "x"},
    {"role": None, "content": "x"},
    {"role": "user", "content": ""},
    {"role": "user", "content": None},
    {"role": "user", "content": []},
    {"role": "user", "content": "\u0000"},
    {"role": "user", "content": "\ud800"},
    {"role": "user", "content": "x", "metadata": 7},
]
BODIES: list[tuple[str, str, str]] = [
    *(
        (method, path, raw)
        for method, path in (
            ("POST", "/api/sessions"),
            ("PATCH", "/api/sessions/{}"),
            ("POST", "/api/sessions/{}/messages"),
            ("POST", "/api/chat"),
            ("POST", "/api/auth/login"),
            ("POST", "/api/auth/refresh"),
            ("POST", "/api/auth/register"),
        )
        for raw in ("[]", "null", "7", '"x"', "{", "NaN", DEEP, '{"a":' * 5000 + "1" + "}" * 5000, "\udcff")
    ),
    *(("POST", "/api/sessions", json.dumps(body)) for body in SESSIONS),
    *(("PATCH", "/api/sessions/{}", json.dumps(body)) for body in CHANGES),
    *(("POST", "/api/sessions/{}/messages", json.dumps(body)) for body in MESSAGES),
]


@pytest.mark.parametrize("chunk", range(4))
async def test_a_bad_body_is_a_400_in_the_one_shape(alice: Client, session: str, chunk: int) -> None:
    wrong = []
    for method, path, raw in BODIES[chunk::4]:
        answer = await alice.http.request(
            method,
            path.format(session),
            content=raw.encode("utf-8", "surrogateescape"),
            headers={"Content-Type": "application/json"},
        )
        if answer.status_code != 400 or not one_shape(answer.json()):
            wrong.append((method, path, raw[:80], answer.status_code, answer.text[:200]))
    assert wrong == []
    assert (await alice.detail(session))["session"]["message_count"] == 0


def one_shape(body: Any) -> bool:
    error = body["error"]
    for detail in error["details"]:
        assert detail.keys() >= {"field", "message"}
    return bool(body["detail"] == body["message"] == error["message"] and error["code"] and error["request_id"])


GIANT = str(10**40)
QUERIES = [
    ("/api/sessions", "limit", ("0", "-1", "101", GIANT, "x", "1.5", "")),
    ("/api/sessions", "offset", ("-1", "x", GIANT, "1e3")),
    ("/api/sessions", "cursor", ("x", "%00", "////", "bnVsbA==", "W10=", "e30=", "A" * 5000)),
    ("/api/sessions/{}/messages", "limit", ("0", "-1", "x", GIANT)),
    ("/api/sessions/{}/messages", "offset", ("-1", "x", GIANT)),
    ("/api/sessions/{}/messages", "before", ("-1", "x", GIANT)),
    ("/api/sessions/{}/messages", "after", ("-1", "x", GIANT)),
    ("/api/sessions/{}/events", "limit", ("0", "-1", "x", GIANT)),
    ("/api/sessions/{}/events", "after", ("-1", "x", GIANT)),
]


async def test_a_bad_query_is_a_400_in_the_one_shape(alice: Client, session: str) -> None:
    wrong = []
    for path, name, values in QUERIES:
        for value in values:
            answer = await alice.http.get(f"{path.format(session)}?{name}={value}")
            if answer.status_code != 400 or not one_shape(answer.json()):
                wrong.append((path, name, value[:50], answer.status_code, answer.text[:200]))
    assert wrong == []


@pytest.mark.parametrize(
    "name", ["%00", "a%00b", "%ff%fe", "%2e%2e%2f", "x" * 5000, "%F0%9F%98%80", "' OR 1=1 --", "a\\b"]
)
async def test_a_bad_name_in_the_path_is_not_found(alice: Client, name: str) -> None:
    for path in (f"/api/sessions/{name}/messages", f"/api/sessions/{name}/events", f"/{name}"):
        answer = await alice.http.get(path)
        assert answer.status_code in (400, 404, 414), (path[:100], answer.status_code)
        if answer.status_code != 414 and path.startswith("/api/"):
            assert one_shape(answer.json())


async def test_a_search_may_be_anything(alice: Client) -> None:
    for search in ("%", "_", "\\", "'", "a" * 5000, "%00", "%ff", "(", "😀", "x y  z"):
        answer = await alice.http.get(f"/api/sessions?search={search}")
        assert answer.status_code in (200, 400), search[:20]


async def test_a_body_that_is_too_large_or_of_another_kind_is_refused(alice: Client) -> None:
    answer = await alice.http.post(
        "/api/sessions",
        content=b'{"title":"' + b"x" * 4_000_000,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 413)
    assert one_shape(answer.json())
    for kind in ("text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"):
        answer = await alice.http.post("/api/sessions", content=b"a=b", headers={"Content-Type": kind})
        assert answer.status_code in (400, 415), kind
        assert one_shape(answer.json())


async def test_rubbish_credentials_are_a_401(alice: Client) -> None:
    for value in ("Bearer", "Bearer a b", "Basic YTpi", "Bearer é", "Bearer " + "x" * 20_000, "eyJ"):
        raw = httpx.Headers([(b"Authorization", value.encode())])
        answer = await alice.http.get("/api/sessions", headers=raw)
        assert answer.status_code in (400, 401), value[:30]
