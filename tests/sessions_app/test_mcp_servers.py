"""The row of an MCP server that a person has added: what it keeps, and who of several gets something of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chatjuicer.accounts.models import AuditEntry, User
from sessions_app.models import McpServer

pytestmark = pytest.mark.django_db

URL = "https://mcp.example.org/mcp"


@pytest.fixture
def server(alice: User) -> McpServer:
    return McpServer.objects.add(alice, "notes", URL, headers={"X-Key": "a secret key"})


def fresh(server: McpServer) -> McpServer:
    return McpServer.objects.get(pk=server.pk)


def test_what_lets_us_in_is_sealed_without_any_setting(server: McpServer) -> None:
    server.begin_attempt("the state", "a secret verifier")
    server.connect("a secret grant")
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed_headers, sealed_grant, sealed_attempt FROM sessions_app_mcpserver")
        (stored,) = cursor.fetchall()
    assert all(stored)
    assert not any("secret" in text for text in stored)
    assert (fresh(server).headers, fresh(server).grant) == ({"X-Key": "a secret key"}, "a secret grant")
    (chosen,) = McpServer.objects.chosen(server.user_id, [server.key])
    assert chosen.get_deferred_fields() == {"sealed_grant", "sealed_attempt"}, "what each run reads stays small"


def test_an_attempt_is_of_one_person_ends_once_and_expires(server: McpServer, alice: User, mallory: User) -> None:
    server.begin_attempt("first", "1")
    server.begin_attempt("second", "2")
    spend = McpServer.objects.spend_attempt
    assert spend(alice.pk, "first") is None
    assert spend(mallory.pk, "second") is None
    assert spend(alice.pk, "second") == (server, "2")
    assert spend(alice.pk, "second") is None
    server.begin_attempt("third", "3")
    McpServer.objects.update(attempt_expires_at=timezone.now() - timedelta(seconds=1))
    assert spend(alice.pk, "third") is None


def test_one_process_renews_and_what_it_knows_of_an_older_grant_changes_nothing(server: McpServer) -> None:
    server.connect("old")
    one, other = fresh(server), fresh(server)
    assert [one.begin_renewal(), other.begin_renewal()] == [True, False]
    McpServer.objects.update(renewing_until=timezone.now() - timedelta(seconds=1))
    assert other.begin_renewal(), "the other has died"
    fresh(server).connect("new")
    one.renew("of the old", None)
    other.refuse("of the old")
    assert (fresh(server).grant, fresh(server).status) == ("new", McpServer.Status.CONNECTED)


def test_who_renews_too_late_undoes_nothing_of_the_next(server: McpServer) -> None:
    server.connect("old")
    late, waits = fresh(server), fresh(server)
    assert late.begin_renewal()
    McpServer.objects.update(renewing_until=timezone.now() - timedelta(seconds=1))
    assert waits.begin_renewal()
    late.end_renewal()
    late.renew("late", None)
    assert not fresh(server).begin_renewal(), "one is under way"
    refused = fresh(server)
    waits.renew("new", None)
    assert fresh(server).grant == "new"
    refused.refuse("old, for more")
    assert (fresh(server).grant, fresh(server).status) == ("new", McpServer.Status.NEEDS_AUTHORIZATION)
    fresh(server).refuse("new, for more")
    assert fresh(server).grant == "new, for more"
    assert late.begin_renewal()
    assert late.grant == "new, for more", "who begins has what there is by then"


@pytest.mark.parametrize(
    "change", [{"url": "https://other.example.org/mcp"}, {"headers": {"X-Key": "another key"}}, None]
)
def test_what_an_older_address_gave_is_not_written_to_a_newer_one(
    server: McpServer, change: dict[str, Any] | None
) -> None:
    older = fresh(server)
    if change is None:
        server.delete()
    else:
        server.configure(**change)
    assert not older.begin_attempt("the state", "of the old")
    assert not older.connect("of the old")
    assert not older.fail("timeout")
    now = McpServer.objects.filter(pk=older.pk).values_list("status", "sealed_grant", "attempt_digest")
    assert list(now) == ([] if change is None else [(McpServer.Status.NEW, "", "")])


def test_what_lets_us_in_is_not_shown_to_another_address(server: McpServer) -> None:
    server.connect("a grant")
    server.configure(in_new_chats=False)
    assert fresh(server).grant == "a grant"
    before = fresh(server)
    server.configure(url="https://other.example.org/mcp")
    assert (fresh(server).grant, fresh(server).status) == ("", McpServer.Status.NEW)
    assert fresh(server).headers == {}
    server.connect("of the other")
    before.configure(url=URL, headers={"X-Key": "of the first"})  # where it seems to be still
    assert (fresh(server).grant, fresh(server).headers) == ("", {"X-Key": "of the first"})
    server.delete()
    acts = AuditEntry.objects.filter(action__startswith="mcp_server_").order_by("seq").values_list("action", "details")
    assert [action for action, _ in acts] == [
        "mcp_server_added", "mcp_server_connected", "mcp_server_changed", "mcp_server_changed",
        "mcp_server_connected", "mcp_server_changed", "mcp_server_deleted",
    ]  # fmt: skip
    assert "secret" not in str(list(acts))
