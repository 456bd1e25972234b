"""What of the audit log whoever can write the database can do to it, and who sees that."""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from rest_framework.test import APIClient

from chatjuicer.accounts.models import Act, AuditEntry, User
from tests.conftest import PASSWORD
from tests.harness.guards import TABLE, unguarded

pytestmark = pytest.mark.django_db

LINES = 5


@pytest.fixture
def auditor(db: None, client_of: Callable[[User], APIClient]) -> APIClient:
    client = client_of(User.objects.create_user("audit@example.org", PASSWORD, is_staff=True))
    write()
    return client


def write() -> None:
    for number in range(LINES):
        AuditEntry.objects.record(Act.EXPORTED, f"n:{number}")


def chain(client: APIClient) -> dict[str, Any]:
    answer = client.get("/api/audit/chain")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def run(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def forged(*, without: int = 0, seals: bool = True) -> None:
    """All lines but that one, with new numbers and digests, as whoever can read how they are made writes them."""
    kept = [entry for entry in AuditEntry.objects.order_by("seq") if entry.seq != without]
    with unguarded():
        run(f"DELETE FROM {TABLE}")
        digest = ""
        for seq, entry in enumerate(kept, 1):
            entry.seq = seq
            digest = entry.digest = entry.digest_after(digest)
            if not seals:
                entry.seal = ""
            entry.save(force_insert=True)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TABLE} SET actor = 'x' WHERE seq = 2",
        f"DELETE FROM {TABLE} WHERE seq = 2",
        f"DELETE FROM {TABLE}",
        pytest.param(
            f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM {TABLE} WHERE seq = 2",
            marks=pytest.mark.only("sqlite", reason="a statement of its own"),
        ),
        pytest.param(f"TRUNCATE {TABLE}", marks=pytest.mark.only("postgres", reason="SQLite has none")),
    ],
)
def test_the_database_refuses_to_change_a_line_or_take_it_away(statement: str) -> None:
    write()
    before = list(AuditEntry.objects.order_by("seq").values())
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        run(statement)
    assert list(AuditEntry.objects.order_by("seq").values()) == before


def test_a_line_that_is_taken_out_and_the_rest_made_anew_by_whoever_knows_how_is_seen(auditor: APIClient) -> None:
    assert chain(auditor)["broken_at"] is None
    forged(without=3)
    assert chain(auditor)["broken_at"] == 3


def test_who_takes_the_seals_off_is_seen_also_when_the_server_has_written_on(auditor: APIClient) -> None:
    forged(without=3, seals=False)
    assert chain(auditor)["broken_at"] == 1
    AuditEntry.objects.record(Act.EXPORTED)
    assert chain(auditor)["broken_at"] == 1
    with pytest.raises(CommandError, match="line 1 "):
        call_command("export_audit")


def upgraded() -> None:
    """What was written before there were seals, and the upgrade."""
    forged(seals=False)
    import_module("chatjuicer.accounts.migrations.0051_sealed_audit_log").begin(
        apps, SimpleNamespace(connection=connection)
    )


def test_lines_of_older_versions_are_verified_up_to_the_first_that_is_sealed(auditor: APIClient) -> None:
    upgraded()
    begun = AuditEntry.objects.latest("seq")
    assert begun.action == "chain_sealed"
    AuditEntry.objects.record(Act.EXPORTED)
    upgraded_again = import_module("chatjuicer.accounts.migrations.0051_sealed_audit_log")
    upgraded_again.begin(apps, SimpleNamespace(connection=connection))
    last = AuditEntry.objects.latest("seq")
    assert last.action == "exported", "it begins once"
    assert chain(auditor) == {
        "lines": last.seq,
        "broken_at": None,
        "unknown_key": False,
        "sealed_from": begun.seq,
        "digest": last.digest,
    }


@pytest.mark.parametrize("cut", [3, LINES])
def test_nobody_can_say_that_sealing_began_later(auditor: APIClient, cut: int) -> None:
    upgraded()
    AuditEntry.objects.record(Act.EXPORTED)
    with unguarded():
        run(f"DELETE FROM {TABLE} WHERE seq > %s", cut)
    forged(seals=False)
    AuditEntry.objects.record(Act.EXPORTED)
    assert chain(auditor)["broken_at"] == 1


def test_a_line_without_a_seal_after_the_first_that_has_one_is_seen(auditor: APIClient) -> None:
    with unguarded():
        run(f"UPDATE {TABLE} SET seal = '' WHERE seq = 4")
    assert chain(auditor)["broken_at"] == 4


def test_after_another_secret_key_the_fallbacks_verify_what_was_sealed_before(
    auditor: APIClient, settings: Any
) -> None:
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another one, that nobody has seen before 0123456789"
    settings.SECRET_KEY_FALLBACKS = [former]
    write()
    assert chain(auditor)["broken_at"] is None
    settings.SECRET_KEY_FALLBACKS = []
    last = AuditEntry.objects.latest("seq")
    assert chain(auditor) == {
        "lines": last.seq,
        "broken_at": 1,
        "unknown_key": True,
        "sealed_from": 1,
        "digest": last.digest,
    }
    found = [(entry.seq, whole) for entry, whole in AuditEntry.objects.verified()]
    assert found == [(seq, seq > len(found) - LINES) for seq in range(1, len(found) + 1)]
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        call_command("export_audit")
