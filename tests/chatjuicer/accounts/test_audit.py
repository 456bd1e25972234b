"""Who did what, when and from where; and that nobody writes it anew."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client as AdminClient
from rest_framework.test import APIClient

from chatjuicer.accounts.models import Act, AuditEntry, OidcIdentity, RecoveryCode, TokenFamily, Totp, User
from chatjuicer.accounts.second_factor import prove_second_factor
from sessions_app.models import Agent, ChatSession, MessageDraft, Project, Prompt, Share
from tests.chat_app.notices.browser import Browser
from tests.conftest import PASSWORD, refused
from tests.harness.guards import unguarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(db: None, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(User.objects.create_user("audit@example.org", PASSWORD, is_staff=True))


def lines(client: APIClient) -> list[dict[str, Any]]:
    answer = client.get("/api/audit")
    assert answer.status_code == 200
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


def test_what_alice_does_is_told_in_order(
    alice: User, alice_client: APIClient, anybody: APIClient, auditor: APIClient
) -> None:
    login = {"email": alice.email, "password": PASSWORD}
    anybody.post("/api/auth/login", login | {"password": "wrong password"}, REMOTE_ADDR="192.0.2.7")
    grant = anybody.post("/api/auth/login", login, REMOTE_ADDR="192.0.2.7").json()
    key = alice_client.post("/api/auth/keys", {"name": "ci", "scopes": ["read"]}).json()
    alice_client.delete(f"/api/auth/keys/{key['id']}")
    session = alice_client.post("/api/sessions", {"title": "Rome"}).json()
    base = f"/api/sessions/{session['session_id']}"
    alice_client.post(f"{base}/share")
    alice_client.delete(f"{base}/share")
    alice_client.delete(base)
    alice_client.delete(f"{base}?permanent=true")
    anybody.post("/api/auth/logout", {"refresh_token": grant["refresh_token"]})
    alice_client.post("/api/auth/logout-everywhere")
    alice_client.post("/api/auth/password", {"current_password": PASSWORD, "new_password": "another long one"})
    alice_client.delete("/api/auth/me", {"password": "another long one"})

    told = [line for line in lines(auditor) if line["action"] != "session_deleted" or line["actor"]]
    actions = [line["action"] for line in told]
    expected = [
        "account_deleted", "password_changed", "signed_out_everywhere", "signed_out", "share_taken_back", "shared",
        "key_deleted", "key_created", "signed_in", "sign_in_failed",
    ]  # fmt: skip
    assert [action for action in actions if action in expected][: len(expected)] == expected
    by = {line["action"]: line for line in told}
    for action in ("account_deleted", "password_changed", "key_created", "key_deleted"):
        assert by[action]["actor"] == str(alice.pk)
    assert by["sign_in_failed"] | {"at": ""} == {
        "at": "",
        "actor": None,
        "action": "sign_in_failed",
        "object": f"user:{alice.pk}",
        "address": "192.0.2.7",
        "details": {"why": "password"},
    }
    assert "Rome" not in str(told)
    assert key["key"] not in str(told)


def since(seq: int) -> list[tuple[str, str, str]]:
    found = AuditEntry.objects.filter(seq__gt=seq).order_by("seq")
    return [(line.action, line.object, line.actor) for line in found]


def newest() -> int:
    return AuditEntry.objects.latest("seq").seq


def test_what_people_take_away_or_bring_back_is_told_and_by_ids_alone(
    alice: User, alice_client: APIClient, settings: Any, tmp_path: Path
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "files": {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path}}
    }
    settings.NOTICE_NETWORKS = ["192.0.2.0/24"]
    said = Browser("https://192.0.2.1").subscription
    session, _ = ChatSession.objects.open(alice, public_id="trip", title="Rome")
    session.add_messages([MessageDraft(role="user", content="Rome")])
    upload = {"file": SimpleUploadedFile("Rome.txt", b"Rome"), "folder": "sources"}
    assert alice_client.post("/api/sessions/trip/files/upload", upload, format="multipart").status_code == 201
    made = {
        "project": ("v1/projects", Project.objects.create(owner=alice, name="Rome").pk),
        "agent": ("agents", Agent.objects.keep(alice, name="Rome").pk),
        "prompt": ("prompts", Prompt.objects.keep(alice, name="rome", text="Rome").pk),
    }
    file, about = session.files.get(), f"chatsession:{session.pk}"
    doors: list[tuple[Callable[[], Any], str, str]] = [
        (lambda: alice_client.delete("/api/sessions/trip/files/Rome.txt"), "file_deleted", f"file:{file.pk}"),
        (lambda: alice_client.post("/api/sessions/trip/clear"), "session_cleared", about),
        (lambda: alice_client.delete("/api/sessions/trip"), "session_deleted", about),
        (lambda: alice_client.post("/api/sessions/trip/restore"), "session_restored", about),
        *(
            (partial(alice_client.delete, f"/api/{path}/{pk}"), f"{kind}_deleted", f"{kind}:{pk}")
            for kind, (path, pk) in made.items()
        ),
        (lambda: alice_client.post("/api/push/subscriptions", said), "push_subscribed", "pushsubscription:"),
        (lambda: alice_client.delete("/api/push/subscriptions"), "push_ended", "pushsubscription:"),
    ]
    for act, action, of in doors:
        before = newest()
        answer = act()
        assert answer.status_code < 300, answer.content
        [(told, name, actor)] = since(before)
        assert (told, name[: len(of)], actor) == (action, of, str(alice.pk))
    before = newest()
    alice_client.post("/api/sessions/trip/restore")  # of a session that is there nothing changes
    alice_client.delete("/api/push/subscriptions")
    assert since(before) == []
    assert "rome" not in str(list(AuditEntry.objects.values())).lower()


@pytest.mark.parametrize("trash_days", [30, 0])
def test_for_good_is_another_word_than_into_the_trash(
    alice: User, alice_client: APIClient, settings: Any, trash_days: int
) -> None:
    settings.TRASH_DAYS = trash_days
    for name in ("one", "two"):
        ChatSession.objects.open(alice, public_id=name)
    before = newest()
    alice_client.delete("/api/sessions/one?permanent=true")
    alice_client.delete("/api/sessions/two")
    alice_client.delete("/api/sessions/two?permanent=true")
    later = ["session_deleted", "session_purged"] if trash_days else ["session_purged"]
    assert [action for action, _, _ in since(before)] == ["session_purged", *later]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act",
    [
        "signed_out", "device_ended", "shared", "share_taken_back", "session_deleted", "cleared", "purged", "restored",
        "totp_turned_on", "recovery_code_used", "identity_unlinked",
        "recovery_codes_renewed",
    ],
)  # fmt: skip
def test_what_the_log_cannot_be_told_is_not_done(
    alice: User, alice_client: APIClient, anybody: APIClient, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    grant = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    device = str(TokenFamily.objects.order_by("-created_at")[0].pk)
    alice_client.post("/api/sessions", {"session_id": "trip"})
    if act not in ("shared", "purged", "restored"):
        alice_client.post("/api/sessions/trip/share")
    if act in ("purged", "restored"):
        alice_client.delete("/api/sessions/trip")
    totp = pyotp.TOTP(alice_client.post("/api/auth/totp/setup").json()["secret"])
    identity = OidcIdentity.objects.create(user=alice, issuer="https://id.example", subject="alice")
    confirm, recovery_code = {"code": totp.now()}, ""
    if act.startswith("recovery_code"):
        recovery_code = alice_client.post("/api/auth/totp/confirm", confirm).json()["recovery_codes"][0]
    doors: dict[str, Callable[[], object]] = {
        "signed_out": lambda: anybody.post("/api/auth/logout", {"refresh_token": grant["refresh_token"]}),
        "device_ended": lambda: alice_client.delete(f"/api/auth/devices/{device}"),
        "shared": lambda: alice_client.post("/api/sessions/trip/share"),
        "share_taken_back": lambda: alice_client.delete("/api/sessions/trip/share"),
        "session_deleted": lambda: alice_client.delete("/api/sessions/trip"),
        "cleared": lambda: alice_client.post("/api/sessions/trip/clear"),
        "purged": lambda: alice_client.delete("/api/sessions/trip?permanent=true"),
        "restored": lambda: alice_client.post("/api/sessions/trip/restore"),
        "totp_turned_on": lambda: alice_client.post("/api/auth/totp/confirm", confirm),
        "identity_unlinked": lambda: alice_client.delete(f"/api/auth/identities/{identity.pk}"),
        "recovery_codes_renewed": lambda: alice_client.post("/api/auth/totp/recovery-codes", {"password": PASSWORD}),
        "recovery_code_used": lambda: prove_second_factor(alice, recovery_code),
    }

    def there_is() -> list[Any]:
        rows = (
            TokenFamily.objects.alive(),
            Share.objects,
            ChatSession.objects,
            ChatSession.trash,
            alice.oidc_identities,
        )
        codes = sorted(RecoveryCode.objects.values_list("pk", flat=True))
        return [*(kind.count() for kind in (*rows, Totp.objects.exclude(confirmed_at=None))), codes]

    def fail(entry: AuditEntry, **kwargs: Any) -> None:
        raise DatabaseError

    before, told = there_is(), AuditEntry.objects.count()
    with monkeypatch.context() as patched, suppress(DatabaseError):
        patched.setattr(AuditEntry, "save", fail)
        doors[act]()
    assert there_is() == before
    doors[act]()
    assert there_is() != before
    assert AuditEntry.objects.count() == told + (2 if act == "cleared" else 1)  # its page is taken back, too


@pytest.mark.django_db(transaction=True)
def test_an_account_whose_end_the_log_cannot_be_told_is_there(
    alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = AuditEntry.save

    def fail(entry: AuditEntry, **kwargs: Any) -> None:
        if entry.action == Act.ACCOUNT_DELETED:
            raise DatabaseError
        save(entry, **kwargs)

    with monkeypatch.context() as patched, suppress(DatabaseError):
        patched.setattr(AuditEntry, "save", fail)
        alice_client.delete("/api/auth/me", {"password": PASSWORD})
    left = User.objects.get()
    assert not left.is_active
    told = AuditEntry.objects.count()
    left.remove()
    assert not User.objects.exists()
    [line] = AuditEntry.objects.filter(seq__gt=told)
    assert (line.action, line.object) == ("account_deleted", f"user:{alice.pk}")


def test_what_the_admin_deletes_is_told_with_all_that_went(alice: User, mallory: User, client: AdminClient) -> None:
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    for owner in (alice, alice, mallory, mallory):
        ChatSession.objects.open(owner)
    assert client.post(f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    picked = [str(session.pk) for session in ChatSession.objects.all()]
    action = {"action": "delete_selected", "_selected_action": picked, "post": "yes", "audit_reason": "a test"}
    assert client.post("/admin/sessions_app/chatsession/", action).status_code == 302
    told = [(line.action, line.actor) for line in AuditEntry.objects.order_by("seq")]
    by_root = [(action, str(root.pk)) for action in ("session_purged", "session_purged", "account_deleted")]
    assert told[-5:] == [*by_root, *by_root[:2]]
    assert all(whole for _, whole in AuditEntry.objects.verified())


def test_what_is_done_already_is_told_once(alice: User, anybody: APIClient) -> None:
    grant = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    for _ in range(2):
        answer = anybody.post("/api/auth/logout", {"refresh_token": grant["refresh_token"]})
        assert answer.json() == {"success": True}
    assert AuditEntry.objects.filter(action=Act.SIGNED_OUT).count() == 1


def test_what_an_unknown_person_typed_is_not_kept(anybody: APIClient, auditor: APIClient) -> None:
    anybody.post("/api/auth/login", {"email": "my secret password", "password": "x"})
    assert "my secret password" not in str(lines(auditor))
    assert lines(auditor)[0]["object"] == ""


def test_roles_are_told_whoever_gives_them(alice: User, client: AdminClient, auditor: APIClient) -> None:
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    form = {"email": alice.email, "theme": "system", "is_active": "on", "is_staff": "on"}
    for prefix in ("token_families", "oidc_identities", "api_keys"):
        form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    assert client.post(f"/admin/accounts/user/{alice.pk}/change/", form).status_code == 302
    line = lines(auditor)[0]
    assert (line["action"], line["actor"], line["details"]) == ("role_changed", str(root.pk), {"is_staff": True})


def test_it_is_for_staff(alice_client: APIClient, anybody: APIClient, auditor: APIClient, alice: User) -> None:
    refused(anybody.get("/api/audit"), 401, "not_authenticated")
    refused(alice_client.get("/api/audit"), 403, "forbidden")
    key = auditor.post("/api/auth/keys", {"name": "x", "scopes": ["read", "chat", "files"]}).json()["key"]
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    refused(anybody.get("/api/audit"), 403, "insufficient_scope")


def test_a_cursor_walks_it_all(auditor: APIClient) -> None:
    for number in range(250):
        AuditEntry.objects.record(Act.EXPORTED, f"n:{number}")
    seen, cursor = [], ""
    while cursor is not None:
        page = auditor.get("/api/audit", {"cursor": cursor} if cursor else {}).json()
        seen += [line["object"] for line in page["entries"]]
        cursor = page["next_cursor"]
    assert [name for name in seen if name.startswith("n:")] == [f"n:{number}" for number in reversed(range(250))]
    assert len(set(seen)) == len(seen)
    refused(auditor.get("/api/audit?cursor=x"), 400, "invalid_input")


def asked(client: APIClient, **query: str) -> list[tuple[str, str]]:
    answer = client.get("/api/audit", query)
    assert answer.status_code == 200, answer.content
    return [(line["action"], line["object"]) for line in answer.json()["entries"]]


def test_it_is_searched_by_who_what_and_when(
    alice: User, mallory: User, alice_client: APIClient, anybody: APIClient, auditor: APIClient
) -> None:
    anybody.post("/api/auth/login", {"email": alice.email, "password": "wrong password"})
    alice_client.post("/api/auth/logout-everywhere")
    about_alice = asked(auditor, who="ALICE@")
    assert about_alice == asked(auditor, who=str(alice.pk)) == asked(auditor, who=f" {alice.pk.hex} ")
    acts = [act for act, _ in about_alice]
    assert acts == ["signed_out_everywhere", "sign_in_failed", "signed_in", "account_created"]
    assert asked(auditor, who="mallory") == [("account_created", f"user:{mallory.pk}")]
    assert asked(auditor, who="nobody@") == []
    assert asked(auditor, action="sign_in_failed") == [("sign_in_failed", f"user:{alice.pk}")]
    assert asked(auditor, action="sign_in_failed", who="mallory") == []
    told = auditor.get("/api/audit", {"action": "sign_in_failed"}).json()
    assert told["people"] == {str(alice.pk): alice.email}
    alice.groups.add(Group.objects.create(name="Sales"))
    [given] = auditor.get("/api/audit", {"action": "member_added"}).json()["entries"]
    assert given["details"] == {"member": str(alice.pk)}
    assert auditor.get("/api/audit", {"action": "member_added"}).json()["people"] == {str(alice.pk): alice.email}
    at = told["entries"][0]["at"]
    day = at[:10]
    assert asked(auditor, **{"from": at, "to": at, "who": "alice"}) == [("sign_in_failed", f"user:{alice.pk}")]
    assert len(asked(auditor, **{"from": day, "to": day})) == len(asked(auditor))
    assert asked(auditor, to="2020-01-31") == asked(auditor, **{"from": "2999-01-31"}) == []
    assert asked(auditor, who="", action="") == asked(auditor), "a form's empty fields"
    for wrong in ({"action": "sung"}, {"from": "yesterday"}, {"who": "x" * 255}, {"who": "\x00"}):
        refused(auditor.get("/api/audit", wrong), 400, "invalid_input")


def test_a_search_is_walked_like_the_whole(alice: User, mallory: User, auditor: APIClient) -> None:
    for number in range(240):
        AuditEntry.objects.record(Act.EXPORTED, f"n:{number}", actor=(alice, mallory)[number % 2].pk)
    query, seen, cursor = {"who": "alice", "action": "exported"}, [], ""
    while cursor is not None:
        page = auditor.get("/api/audit", query | ({"cursor": cursor} if cursor else {})).json()
        seen += [line["object"] for line in page["entries"]]
        cursor = page["next_cursor"]
    assert seen == [f"n:{number}" for number in range(238, -1, -2)]


def exported(client: APIClient, **query: str) -> list[dict[str, Any]]:
    answer = client.get("/api/audit/export", query)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    return [json.loads(line) for line in answer.getvalue().splitlines()]


def test_it_is_exported_as_json_lines(alice: User, auditor: APIClient, capsys: Any) -> None:
    for number in range(1_100):
        AuditEntry.objects.record(Act.EXPORTED, f"n:{number}")
    told = exported(auditor)
    assert [line["seq"] for line in told] == list(range(1, len(told) + 1))
    assert (told[-1]["action"], told[-1]["details"]) == ("audit_exported", {"by": "api"})
    call_command("export_audit")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1] == told
    some = exported(auditor, who="alice")
    assert [line["object"] for line in some] == [f"user:{alice.pk}"]
    before = AuditEntry.objects.count()
    refused(auditor.get("/api/audit/export", {"from": "x"}), 400, "invalid_input")
    assert AuditEntry.objects.count() == before


def test_whether_the_chain_is_whole_is_told(auditor: APIClient) -> None:
    for number in range(4):
        AuditEntry.objects.record(Act.EXPORTED, f"n:{number}")
    last = AuditEntry.objects.latest("seq")
    whole = {"lines": last.seq, "broken_at": None, "unknown_key": False, "sealed_from": 1, "digest": last.digest}
    assert auditor.get("/api/audit/chain").json() == whole
    with unguarded(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET actor = 'x' WHERE seq IN (3, 4)")
    assert auditor.get("/api/audit/chain").json() == whole | {"broken_at": 3}
    with unguarded(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_auditentry WHERE seq = 2")
    assert auditor.get("/api/audit/chain").json()["broken_at"] == 3


def test_no_line_can_be_changed_or_taken_away(alice: User) -> None:
    entry = AuditEntry.objects.earliest("seq")
    for attempt in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(actor="x"),
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.bulk_update([entry], ["actor"]),
    ):
        with pytest.raises(TypeError, match="only added to"):
            attempt()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET actor = 'x' WHERE seq = 2",
        "UPDATE accounts_auditentry SET digest = 'x' WHERE seq = 2",
        "DELETE FROM accounts_auditentry WHERE seq = 2",
    ],
)
def test_whoever_does_it_in_the_database_is_seen(statement: str, capsys: Any) -> None:
    for number in range(4):
        AuditEntry.objects.record(Act.EXPORTED, f"n:{number}")
    call_command("export_audit")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["object"] for line in told[:4]] == ["n:0", "n:1", "n:2", "n:3"]
    assert told[-1]["action"] == "audit_exported"
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(CommandError, match="was changed"):
        call_command("export_audit")


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain(side_by_side: Callable[..., list[Any]]) -> None:
    side_by_side(lambda number: AuditEntry.objects.record(Act.EXPORTED, f"n:{number}"), list(range(8)))
    checked = list(AuditEntry.objects.verified())
    assert len(checked) == 8
    assert all(whole for _, whole in checked)


def test_an_administrator_says_why_before_a_conversation_is_shown(
    alice: User, client: AdminClient, auditor: APIClient
) -> None:
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    session, _ = ChatSession.objects.open(alice, title="Rome")
    session.add_messages([MessageDraft(role="user", content="the secret of Rome")])
    session.add_context([{"role": "user", "content": "the secret of Rome"}])
    message = session.messages.get()
    of_session = f"session__id__exact={session.pk}"
    paths = [
        f"/admin/sessions_app/chatsession/{session.pk}/change/",
        f"/admin/sessions_app/message/?{of_session}",
        f"/admin/sessions_app/message/{message.pk}/change/",
        f"/admin/sessions_app/contextitem/?{of_session}",
        "/admin/sessions_app/message/",
        f"/admin/sessions_app/message/?{of_session}&{of_session.replace(str(session.pk), str(root.pk))}",
        "/admin/sessions_app/contextitem/",
        "/admin/chat_app/event/",
    ]
    for path in paths:
        page = client.get(path).content
        assert b"secret of Rome" not in page, path
        assert b"audit_reason" in page, path
        assert b"secret of Rome" not in client.post(path, {"audit_reason": "  "}).content
    assert not [line for line in lines(auditor) if line["action"] == "conversation_read"]
    assert client.post(paths[0], {"audit_reason": "ticket 4711"}).status_code == 302
    for path in paths[:4]:
        assert b"secret of Rome" in client.get(path).content, path
        line = lines(auditor)[0]
        assert (line["action"], line["actor"], line["object"]) == (
            "conversation_read",
            str(root.pk),
            f"chatsession:{session.pk}",
        )
        assert line["details"]["reason"] == "ticket 4711"
    for path in paths[4:]:
        assert b"audit_reason" in client.get(path).content, path  # a reason for one is none for all
