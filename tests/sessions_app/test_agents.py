"""Agents and prompts as things that people keep; what an agent does in a run: tests/acceptance/test_agents.py."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from chatjuicer.accounts.models import ApiKey, User
from sessions_app import signals
from sessions_app.models import AccountEvent, Agent, ChatSession, Prompt
from tests.conftest import refused

pytestmark = pytest.mark.django_db

WRITER: dict[str, Any] = {
    "name": "Writer", "letter": "✍", "description": "Writes letters.", "instructions": "Be brief.",
    "model": "gpt-5-mini", "reasoning_effort": "high", "tools": ["read_file"], "mcp_servers": [],
    "hand_offs": ["Reader", "nobody"], "starters": ["Write to my aunt", "Answer this letter"],
}  # fmt: skip


def made(client: APIClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/agents", fields)
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def named(client: APIClient) -> dict[str, str]:
    return {agent["name"]: agent["origin"] for agent in client.get("/api/agents").json()["agents"]}


def test_an_agent_is_made_listed_changed_and_deleted(alice_client: APIClient) -> None:
    agent = made(alice_client, **WRITER)
    assert {name: agent[name] for name in WRITER} == WRITER
    plain = made(alice_client, name="plain")
    assert [plain[name] for name in ("letter", "model", "reasoning_effort", "tools", "mcp_servers", "hand_offs")] == [
        "P", None, None, None, None, [],
    ]  # fmt: skip
    listed = alice_client.get("/api/agents").json()["agents"]
    assert [one["name"] for one in listed] == ["Writer", "plain", "chat", "primary", "log_analysis"]
    assert "instructions" not in listed[0]
    path = f"/api/agents/{agent['id']}"
    changed = alice_client.patch(path, {"model": None, "tools": None, "starters": ["One"]}).json()
    assert changed == alice_client.get(path).json()
    assert changed | {"updated_at": ""} == agent | {"model": None, "tools": None, "starters": ["One"], "updated_at": ""}
    assert alice_client.delete(path).json() == {"success": True}
    assert alice_client.get(path).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": " a"}, {"name": "a\n"}, {"name": "x" * 65}, {"name": 5}, {"tools": "all"},
        {"starters": ["a\nb"]}, {"starters": [" "]}, {"starters": ["x"] * 9}, {"reasoning_effort": "most"},
        {"hand_offs": None}, {"instructions": "\x00"},
    ],
)  # fmt: skip
def test_what_is_no_agent_is_refused(alice_client: APIClient, wrong: dict[str, Any]) -> None:
    refused(alice_client.post("/api/agents", {"name": "a"} | wrong), 400, "invalid_input")
    agent = made(alice_client, name="b")
    refused(alice_client.patch(f"/api/agents/{agent['id']}", wrong), 400, "invalid_input")


def test_a_name_is_there_once_and_few_are_built_in(
    alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made(alice_client, name="a"), made(alice_client, name="b")
    for name in ("a", "chat", "primary"):
        refused(alice_client.post("/api/agents", {"name": name}), 409, "name_taken")
        refused(alice_client.patch(f"/api/agents/{second['id']}", {"name": name}), 409, "name_taken")
    assert alice_client.patch(f"/api/agents/{first['id']}", {"name": "a"}).status_code == 200
    monkeypatch.setattr(Agent, "MOST", 2)
    refused(alice_client.post("/api/agents", {"name": "c"}), 409, "too_many")
    assert alice.agents.count() == 2


def test_agents_for_all_are_seen_by_everybody_and_changed_by_administrators(
    alice_client: APIClient, mallory_client: APIClient
) -> None:
    operator = Client()
    operator.force_login(User.objects.create_superuser("root@example.org", "correct horse battery staple"))
    fields = {"name": "Clerk", "instructions": "Be polite.", "model": "m-1", "tools": "", "mcp_servers": '["fetch"]',
              "hand_offs": "", "opening_lines": "Hello\r\nGood day"}  # fmt: skip
    add = "/admin/sessions_app/agent/add/"
    for wrong in ({"name": "chat"}, {"name": "a\tb"}, {"reasoning_effort": "most"}, {"tools": "5"}):
        assert b"errornote" in operator.post(add, fields | wrong).content
    assert operator.post(add, fields).status_code == 302
    private = made(alice_client, name="Private")
    assert "Private" not in operator.get("/admin/sessions_app/agent/").content.decode()
    assert operator.get(f"/admin/sessions_app/agent/{private['id']}/change/").status_code == 302

    [clerk] = [one for one in mallory_client.get("/api/agents").json()["agents"] if one["origin"] == "shared"]
    assert (clerk["name"], clerk["mcp_servers"], clerk["hand_offs"]) == ("Clerk", ["fetch"], [])
    assert clerk["starters"] == ["Hello", "Good day"]
    path = f"/api/agents/{clerk['id']}"
    assert mallory_client.get(path).json()["instructions"] == "Be polite."
    attempts = (
        mallory_client.patch(path, {"name": "x"}),
        mallory_client.delete(path),
        mallory_client.post("/api/agents", {"name": "Boss", "for_all": True}),
    )
    for answer in attempts:
        refused(answer, 403, "made_for_all")

    # What it sets, sessions follow that have chosen nothing else, but not those of who has one of that name.
    def models() -> list[str]:
        return [client.get(f"/api/sessions/{key}").json()["session"]["model"] for client, key in sessions]

    made(alice_client, name="Clerk")
    clients = (mallory_client, alice_client)
    sessions = [
        (client, client.post("/api/sessions", {"agent_name": "Clerk"}).json()["session_id"]) for client in clients
    ]
    assert models() == ["m-1", "demo"]
    change = f"/admin/sessions_app/agent/{clerk['id']}/change/"
    assert operator.post(change, fields | {"model": "m-2", "name": "other"}).status_code == 302
    assert models() == ["m-2", "demo"]
    assert named(mallory_client)["Clerk"] == "shared"


def test_an_administrator_makes_changes_and_deletes_for_all(
    alice_client: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    root = User.objects.create_superuser("root@example.org", "correct horse battery staple")
    operator = client_of(root)
    clerk = made(operator, name="Clerk", for_all=True)
    assert (clerk["origin"], named(alice_client)["Clerk"]) == ("shared", "shared")
    refused(operator.post("/api/agents", {"name": "Clerk", "for_all": True}), 409, "name_taken")
    path = f"/api/agents/{clerk['id']}"
    refused(operator.patch(path, {"name": "Scribe"}), 409, "name_stays")
    assert operator.patch(path, {"name": "Clerk", "instructions": "Be polite."}).status_code == 200
    assert alice_client.get(path).json()["instructions"] == "Be polite."
    prompt = operator.post("/api/prompts", {"name": "greet", "text": "Hello", "for_all": True}).json()
    assert operator.patch(f"/api/prompts/{prompt['id']}", {"name": "welcome"}).json()["origin"] == "shared"
    for name in ("agents", "prompts"):
        asked = [client.get(f"/api/{name}").json()["may_make_for_all"] for client in (operator, alice_client)]
        assert asked == [True, False]
    # A key of the administrator's that may only chat cannot, either.
    _, key = ApiKey.objects.issue(root, "chat", ["read", "chat"])
    with_key = APIClient(headers={"Authorization": f"Bearer {key}"})
    refused(with_key.delete(path), 403, "insufficient_scope")
    assert operator.delete(path).json() == {"success": True}
    assert "Clerk" not in named(alice_client)
    noted = LogEntry.objects.order_by("pk").values_list("object_repr", "action_flag")
    assert list(noted) == [("Clerk", 1), ("Clerk", 2), ("greet", 1), ("welcome", 2), ("Clerk", 3)]


def test_another_s_agent_is_nobody_s(alice_client: APIClient, mallory: User, mallory_client: APIClient) -> None:
    agent = made(alice_client, **WRITER)
    assert "Writer" not in named(mallory_client)
    for answer in (
        mallory_client.get(f"/api/agents/{agent['id']}"),
        mallory_client.delete(f"/api/agents/{agent['id']}"),
    ):
        assert answer.status_code == 404
    session = mallory_client.post("/api/sessions", {"agent_name": "Writer"}).json()
    assert session["model"] == "demo"
    assert Agent.objects.of_session(mallory.pk, "Writer") is None


@pytest.mark.django_db(transaction=True)
def test_an_agent_s_model_counts_where_nobody_chose_one(alice: User, alice_client: APIClient) -> None:
    agent = made(alice_client, name="Writer", model="gpt-5", reasoning_effort="high")

    def session(**fields: Any) -> dict[str, Any]:
        body: dict[str, Any] = alice_client.post("/api/sessions", fields).json()
        return body

    def settings(key: str) -> tuple[str, str, int]:
        row = ChatSession.objects.get(public_id=key)
        return row.model, row.reasoning_effort, row.max_tokens

    follows = session(agent_name="Writer")["session_id"]
    chosen = session(agent_name="Writer", model="gpt-4.1", reasoning_effort="low")["session_id"]
    later = session()["session_id"]
    assert settings(follows) == ("gpt-5", "high", 400_000)
    assert settings(chosen)[:2] == ("gpt-4.1", "low")
    assert settings(later) == ("demo", "medium", 128_000)
    alice_client.patch(f"/api/sessions/{later}", {"agent_name": "Writer"})
    assert settings(later) == ("gpt-5", "high", 400_000)
    # Their devices are told once of each that follows.
    before = AccountEvent.objects.filter(log=alice.pk).count()
    alice_client.patch(f"/api/agents/{agent['id']}", {"model": "gpt-4o", "name": "Author"})
    assert [settings(key)[0] for key in (follows, chosen, later)] == ["gpt-4o", "gpt-4.1", "gpt-4o"]
    rows = ChatSession.objects.filter(owner=alice)
    assert set(rows.values_list("agent_name", flat=True)) == {"Author"}
    assert AccountEvent.objects.filter(log=alice.pk).count() == before + 3
    # What a person chooses stays, whatever agent comes.
    alice_client.patch(f"/api/sessions/{later}", {"model": "gpt-4.1-mini"})
    alice_client.patch(f"/api/agents/{agent['id']}", {"model": "gpt-5"})
    alice_client.patch(f"/api/sessions/{follows}", {"agent_name": "chat"})
    assert [settings(key)[0] for key in (follows, later)] == ["demo", "gpt-4.1-mini"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "chosen_by"), [("agents", "agent_name"), ("v1/projects", "project_id")])
def test_a_new_name_stays_where_the_process_dies_while_sessions_are_told_of_it_one_by_one(
    alice: User, alice_client: APIClient, side_by_side: Callable[..., list[Any]], kind: str, chosen_by: str
) -> None:
    row = alice_client.post(f"/api/{kind}", {"name": "Writer"}).json()
    for _ in range(3):
        alice_client.post("/api/sessions", {chosen_by: row["name" if chosen_by == "agent_name" else "id"]})
    path, before = f"/api/{kind}/{row['id']}", AccountEvent.objects.count()
    seen: list[tuple[str, int]] = []

    def look(_: object) -> tuple[str, int]:
        name = (alice.agents if kind == "agents" else alice.projects).get().name
        return name, AccountEvent.objects.count() - before

    def look_from_elsewhere_and_die(**kwargs: Any) -> None:
        seen.extend(side_by_side(look, [None]))
        if len(seen) == 2:
            raise SystemExit

    signals.session_updated.connect(look_from_elsewhere_and_die)
    try:
        with pytest.raises(SystemExit):
            alice_client.patch(path, {"name": "Author"})
    finally:
        signals.session_updated.disconnect(look_from_elsewhere_and_die)
    assert seen == [("Author", 0), ("Author", 1)]
    assert alice_client.patch(path, {"name": "Author"}).status_code == 200
    assert AccountEvent.objects.count() == before + 1 + 3


def test_hand_offs_follow_a_new_name(alice_client: APIClient) -> None:
    reader, writer = made(alice_client, name="Reader"), made(alice_client, **WRITER)
    alice_client.patch(f"/api/agents/{reader['id']}", {"name": "Lector"})
    assert alice_client.get(f"/api/agents/{writer['id']}").json()["hand_offs"] == ["Lector", "nobody"]


def test_prompts_are_kept_with_their_variables(alice: User, alice_client: APIClient, mallory_client: APIClient) -> None:
    text = "Dear {{ customer }},\n{{body}}\nYours, {{customer}} {{}}"
    answer = alice_client.post("/api/prompts", {"name": "letter", "text": text})
    assert (answer.status_code, answer.json()["variables"]) == (201, ["customer", "body"])
    path = f"/api/prompts/{answer.json()['id']}"
    Prompt.objects.create(name="greet", text="Hello {{name}}")
    listed = alice_client.get("/api/prompts").json()["prompts"]
    assert [(one["name"], one["origin"]) for one in listed] == [("letter", "own"), ("greet", "shared")]
    assert [one["name"] for one in mallory_client.get("/api/prompts").json()["prompts"]] == ["greet"]
    assert mallory_client.get(path).status_code == 404
    refused(alice_client.delete(f"/api/prompts/{listed[1]['id']}"), 403, "made_for_all")
    for wrong in ({"name": "/x"}, {"name": "two words"}, {"text": ""}, {"text": "x" * 16_001}):
        refused(alice_client.post("/api/prompts", {"name": "a", "text": "b"} | wrong), 400, "invalid_input")
    refused(alice_client.post("/api/prompts", {"name": "letter", "text": "b"}), 409, "name_taken")
    assert alice_client.patch(path, {"text": "Dear {{aunt}}"}).json()["variables"] == ["aunt"]
    assert alice_client.delete(path).json() == {"success": True}
    assert not alice.prompts.exists()


def test_they_go_along_in_an_archive_and_give_way_to_those_that_are_there(
    alice: User, alice_client: APIClient, mallory: User, mallory_client: APIClient
) -> None:
    made(alice_client, **WRITER)
    made(alice_client, name="Reader", instructions="Read.")
    alice_client.post("/api/prompts", {"name": "letter", "text": "Dear {{aunt}}"})
    made(mallory_client, name="Reader", instructions="Mine.")
    archive = b"".join(alice_client.get("/api/export").streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        assert json.loads(zipped.read("manifest.json"))["version"] == 2
    for _ in range(2):
        file = SimpleUploadedFile("export.zip", archive)
        answer = mallory_client.post("/api/import", {"file": file}, format="multipart")
        assert (answer.status_code, answer.json()["failed"]) == (200, [])
    fields = ("name", "letter", "description", "instructions", "model", "reasoning_effort", "tools", "mcp_servers",
              "hand_offs", "opening_lines", "created_at")  # fmt: skip
    hers, theirs = (user.agents.filter(name="Writer").values(*fields).get() for user in (alice, mallory))
    assert theirs == hers
    assert mallory.agents.get(name="Reader").instructions == "Mine."
    assert mallory.prompts.get().text == "Dear {{aunt}}"
    alice.delete()
    assert Agent.objects.count() == 2
