"""Whatever is wrong about a request, the answer is a 400 in the one shape, and nothing changes."""

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession

DEEP: Any = "x"
for _ in range(100):
    DEEP = [DEEP]

NEW_SESSIONS: list[Any] = [
    [], "text", 1, None, True,
    {"session_id": ""}, {"session_id": "a b"}, {"session_id": "a\n"}, {"session_id": "ü"}, {"session_id": "x" * 65},
    {"session_id": 7}, {"session_id": ["x"]}, {"session_id": "a/b"},
    {"title": 1}, {"title": []}, {"title": {}}, {"title": True}, {"title": "x" * 256}, {"title": "a\x00b"},
    {"name": 1}, {"name": "x" * 256},
    {"model": ""}, {"model": 5}, {"model": "x" * 129}, {"model": {}},
    {"mcp_config": "fetch"}, {"mcp_config": {}}, {"mcp_config": ["x" * 129]}, {"mcp_config": [1]},
    {"mcp_config": [None]}, {"mcp_config": [["fetch"]]},
    {"disabled_tools": "fetch"}, {"disabled_tools": {}}, {"disabled_tools": ["x" * 129]}, {"disabled_tools": [1]},
    {"disabled_tools": ["x"] * 101}, {"disabled_tools": ["a\x00b"]},
    {"reasoning_effort": "extreme"}, {"reasoning_effort": ""}, {"reasoning_effort": 1}, {"reasoning_effort": ["low"]},
    {"agent_name": ""}, {"agent_name": 3}, {"agent_name": "x" * 65},
    {"metadata": []}, {"metadata": "x"}, {"metadata": {"a": "x" * 70_000}}, {"metadata": {"a": "\x00"}},
    {"metadata": {"\x00": 1}}, {"metadata": {"a": DEEP}},
]  # fmt: skip
CHANGES: list[Any] = [
    [], None, {"title": None}, {"title": 1}, {"title": "x" * 256}, {"pinned": None}, {"pinned": "true"}, {"pinned": 1},
    {"archived": "yes"}, {"model": None}, {"model": ""}, {"mcp_config": None}, {"mcp_config": ["x" * 129]},
    {"disabled_tools": None}, {"disabled_tools": "fetch"}, {"disabled_tools": ["x"] * 101},
    {"reasoning_effort": None}, {"agent_name": ""}, {"metadata": None}, {"metadata": [1]},
]  # fmt: skip
MESSAGES: list[Any] = [
    {}, [], {"role": "user"}, {"content": "x"}, {"role": "tool_call", "content": "x"},
    {"role": "nobody", "content": "x"},
    {"role": None, "content": "x"}, {"role": "user", "content": None}, {"role": "user", "content": ""},
    {"role": "user", "content": 5}, {"role": "user", "content": ["x"]}, {"role": "user", "content": "a\x00"},
    {"role": "user", "content": "x" * 1_000_001},
    {"role": ["user"], "content": "x"},
]  # fmt: skip
RAW = [
    b"{", b"", b'{"title": NaN}', b'{"metadata": {"a": Infinity}}', b'{"metadata": {"a": 1e999}}',
    b'{"title": "\\ud800"}', b'{"title": "\xff"}', b'{"title": "a" "b"}',
]  # fmt: skip
NUMBERS = ["-1", "1.5", "abc", "", "99999999999999999999", "9" * 5000, "1e3", "0x1", " 1", "٣", "+1", "null"]
CURSORS = [
    "abc",
    "%00",
    "=",
    "AAAA",
    "A" * 43,
    "_" * 45,
    "x" * 1000,
    "ü",
    "-1",
    "0" * 88,
]


def refused(answer: Any) -> None:
    assert answer.status_code == 400, (answer.status_code, answer.content[:300])
    body = answer.json()
    assert body["detail"] == body["message"] == body["error"]["message"] != ""
    assert body["error"]["code"]
    assert body["error"]["request_id"] == answer.headers["X-Request-ID"]


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="s", title="Kept")[0]


@pytest.mark.parametrize("body", NEW_SESSIONS, ids=lambda body: repr(body)[:60])
def test_no_session_is_made_of_a_bad_body(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.post("/api/sessions", orjson.dumps(body), content_type="application/json"))
    assert not ChatSession.objects.exists()


@pytest.mark.parametrize("body", RAW)
def test_no_session_is_made_of_what_is_not_json(alice_client: APIClient, body: bytes) -> None:
    refused(alice_client.post("/api/sessions", body or b" ", content_type="application/json"))
    assert not ChatSession.objects.exists()


@pytest.mark.parametrize("body", CHANGES, ids=lambda body: repr(body)[:60])
def test_a_bad_change_changes_nothing(alice_client: APIClient, session: ChatSession, body: Any) -> None:
    refused(alice_client.patch("/api/sessions/s", orjson.dumps(body), content_type="application/json"))
    before = session.updated_at
    session.refresh_from_db()
    assert session.updated_at == before


@pytest.mark.parametrize("body", MESSAGES, ids=lambda body: repr(body)[:60])
def test_a_bad_message_is_not_added(alice_client: APIClient, session: ChatSession, body: Any) -> None:
    refused(alice_client.post("/api/sessions/s/messages", orjson.dumps(body), content_type="application/json"))
    assert not session.messages.exists()


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: text[:20])
def test_numbers_that_are_none_are_refused(alice_client: APIClient, session: ChatSession, text: str) -> None:
    for name in ("offset", "limit"):
        refused(alice_client.get(f"/api/sessions?{name}={quote(text)}"))
    for name in ("offset", "limit", "before", "after"):
        refused(alice_client.get(f"/api/sessions/s/messages?{name}={quote(text)}"))


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "archived=maybe", "archived=", "agent=" + "x" * 65,
                                   "search=%00", "search=" + "x" * 256, "agent=%00"])  # fmt: skip
def test_filters_out_of_bounds_are_refused(alice_client: APIClient, query: str) -> None:
    refused(alice_client.get(f"/api/sessions?{query}"))


@pytest.mark.parametrize("cursor", CURSORS, ids=lambda cursor: cursor[:20])
def test_a_cursor_that_is_none_is_refused(alice_client: APIClient, cursor: str) -> None:
    refused(alice_client.get(f"/api/sessions?cursor={quote(cursor, safe='%')}"))


@pytest.mark.parametrize("letter", ["A", "_", "7", "g"])
def test_a_cursor_that_only_looks_like_one_does_no_harm(alice_client: APIClient, letter: str) -> None:
    opened = alice_client.post("/api/sessions", {})
    answer = alice_client.get(f"/api/sessions?cursor={letter * 44}")
    assert (opened.status_code, answer.status_code) == (201, 200)


@pytest.mark.parametrize("key", ["%00", "a%20b", "x" * 65, "%ff", "ü", "%F0%9F%98%80", "a%0a", "..", "%2e%2e", "%",
                                 "00000000-0000-0000-0000-00000000000g"])  # fmt: skip
def test_a_session_of_an_impossible_name_does_not_exist(alice_client: APIClient, key: str) -> None:
    for answer in (
        alice_client.get(f"/api/sessions/{key}"),
        alice_client.patch(f"/api/sessions/{key}", {"title": "x"}),
        alice_client.delete(f"/api/sessions/{key}"),
    ):
        assert answer.status_code == 404, (key, answer.status_code)


def test_methods_that_a_route_lacks_are_405(alice_client: APIClient, session: ChatSession) -> None:
    for answer in (
        alice_client.put("/api/sessions", {}),
        alice_client.post("/api/sessions/s", {}),
        alice_client.get("/api/sessions/s/clear"),
        alice_client.delete("/api/sessions/s/messages"),
    ):
        assert answer.status_code == 405
        assert answer.json()["error"]["code"] == "method_not_allowed"
