"""The version before runs on while processes are replaced: it writes what it knows into today's tables."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connection, connections, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder

from chatjuicer import health
from chatjuicer.accounts.models import TokenFamily, User
from chatjuicer.concurrent_indexes import AddIndexConcurrently

# What the release before has of each table. A column that is not here was added since.
COLUMNS = {
    "accounts_user": "password last_login is_superuser id email display_name is_active is_staff created_at",
    "accounts_tokenfamily": "id user_id created_at revoked_at jti issued_at expires_at spent_jti spent_at",
    "accounts_idempotencyrecord": "name body status result created_at",
    "accounts_wsticket": "digest user_id family_id expires_at credentials_expire_at",
    "sessions_app_sessiontally": "id owner_id namespace count",
    "sessions_app_chatsession": (
        "id owner_id namespace session_id title is_named model reasoning_effort mcp_config agent_name metadata pinned"
        " pin_changed_at archived frontend agent_type is_active packed active_slot message_count total_tokens"
        " context_tokens max_tokens trigger_tokens last_message_preview last_position last_context_position last_seq"
        " forgotten_seq created_at updated_at last_used_at"
    ),
    "llm_context": "id session_id position item run_id created_at",
    "sessions_app_message": (
        "id session_id position role content status partial tool_call_id tool_name tool_arguments tool_result"
        " tool_success token_count model agent_name response_time_ms is_error metadata run_id created_at"
    ),
    "sessions_app_packedhistory": "session_id content packed_at",
    "files_app_storageusage": "owner_id size_bytes",
    "files_app_storedbytes": "key owner_id session_id size_bytes state created_at expires_at",
    "files_app_file": "id session_id folder name size_bytes sha256 content_type storage_key created_at modified_at",
    "files_app_upload": "id session_id folder name size_bytes storage_key expires_at file_id",
    "chat_app_event": "id session_id seq run_id type payload at",
    "chat_app_run": (
        "id session_id status owner epoch lease_until model reasoning_effort client_id first_position input_count state"
        " may_go_on first_seq finish_reason error_code usage created_at started_at ended_at"
    ),
    "chat_app_approval": "id session_id run_id call_id name arguments status reason always created_at decided_at",
}


def columns_of(table: str) -> dict[str, bool]:
    """The columns of the database itself: whether an INSERT that does not name one fails."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f'PRAGMA table_xinfo("{table}")')
            found = cursor.fetchall()
            # An INTEGER PRIMARY KEY numbers itself; 2 and 3 are columns that are computed.
            return {
                name: bool(not_null) and default is None and not key and hidden not in (2, 3)
                for _, name, _, not_null, default, key, hidden in found
            }
        cursor.execute(
            "SELECT column_name, is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'"
            " AND is_generated = 'NEVER' FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = %s",
            [table],
        )
        return dict(cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize("table", COLUMNS)
def test_a_row_of_the_version_before_can_be_inserted(table: str) -> None:
    known = set(COLUMNS[table].split())
    needed = {name for name, is_needed in columns_of(table).items() if is_needed}
    assert needed <= known, "each needs a db_default"


@pytest.mark.django_db
@pytest.mark.parametrize("table", COLUMNS)
def test_what_the_version_before_reads_is_there(table: str) -> None:
    assert set(COLUMNS[table].split()) <= set(columns_of(table)), "a column goes one release after its last user"


@pytest.mark.django_db
def test_the_tables_of_the_version_before_are_all_known() -> None:
    assert set(COLUMNS) <= set(connection.introspection.table_names())


@pytest.mark.django_db
def test_such_a_row_really_goes_in() -> None:
    """One of them by hand, so that what introspection says is not only believed."""
    user = User.objects.create_user("alice@example.org", "correct horse battery staple")
    prepared = TokenFamily._meta.get_field("id").get_db_prep_value
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_tokenfamily (id, user_id, created_at, jti, issued_at, expires_at)"
            " VALUES (%s, %s, CURRENT_TIMESTAMP, %s, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
            [prepared(value, connection) for value in (uuid4(), user.pk, uuid4())],
        )
    assert TokenFamily.objects.filter(user=user).count() == 1


# Of migrations that came with the release before or earlier nobody upgrades any more.
RELEASED = {"accounts": 2, "sessions_app": 7, "files_app": 1, "chat_app": 4}


def operations() -> list[tuple[str, Operation, bool]]:
    """Of the migrations since: where, what, and whether it is in a transaction."""
    return [
        (f"{app}.{name}", operation, migration.atomic)
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app in RELEASED and int(name[:4]) > RELEASED[app]
        for operation in migration.operations
    ]


def test_nothing_is_dropped_or_renamed() -> None:
    gone = (
        migrations.RemoveField,
        migrations.DeleteModel,
        migrations.RenameField,
        migrations.RenameModel,
        migrations.AlterModelTable,
    )
    assert [where for where, operation, _ in operations() if isinstance(operation, gone)] == []


def test_indexes_of_tables_that_are_in_use_are_made_beside_them() -> None:
    made = {
        (where.partition(".")[0], operation.name_lower)
        for where, operation, _ in operations()
        if isinstance(operation, migrations.CreateModel)
    }
    blocking = [
        where
        for where, operation, _ in operations()
        if type(operation) is migrations.AddIndex and (where.partition(".")[0], operation.model_name_lower) not in made
    ]
    assert blocking == [], "use chatjuicer.concurrent_indexes.AddIndexConcurrently, with atomic = False"


@pytest.mark.django_db(transaction=True)
def test_an_index_can_be_made_beside_and_taken_away_again() -> None:
    index = models.Index(fields=["title"], name="made_by_a_test")
    operation = AddIndexConcurrently("chatsession", index)
    before = MigrationLoader(connection).project_state()
    after = before.clone()
    operation.state_forwards("sessions_app", after)
    # A foreign key may be checked in no transaction on SQLite, and no index may be made so in one on PostgreSQL.
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("sessions_app", editor, before, after)
    try:
        assert "made_by_a_test" in indexes_of("sessions_app_chatsession")
    finally:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("sessions_app", editor, after, before)
    assert "made_by_a_test" not in indexes_of("sessions_app_chatsession")


@pytest.mark.only("postgres", reason="SQLite makes an index alone")
@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_cut_short_is_made_anew() -> None:
    operation = AddIndexConcurrently("chatsession", models.Index(fields=["title"], name="made_by_a_test"))
    before = MigrationLoader(connection).project_state()
    after = before.clone()
    operation.state_forwards("sessions_app", after)
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX made_by_a_test ON sessions_app_chatsession (pinned)")
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'made_by_a_test'::regclass")
    try:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("sessions_app", editor, before, after)
        with connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'made_by_a_test'::regclass")
            assert cursor.fetchall() == [(True,)]
            columns = connection.introspection.get_constraints(cursor, "sessions_app_chatsession")["made_by_a_test"]
            assert columns["columns"] == ["title"]
    finally:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("sessions_app", editor, after, before)


@pytest.mark.only("postgres", reason="SQLite locks the database, not its tables")
@pytest.mark.django_db(transaction=True)
def test_a_migration_gives_way_to_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def handle(self: BaseCommand, *args: object, **options: object) -> None:
        tries.append(time.monotonic())
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE sessions_app_chatsession IN ACCESS EXCLUSIVE MODE")

    monkeypatch.setattr(DjangoMigrate, "handle", handle)
    own = connections["default"]
    locked, enough = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE sessions_app_chatsession IN ROW EXCLUSIVE MODE")
                locked.set()
                assert enough.wait(30)
                cursor.execute("SELECT count(*) FROM sessions_app_chatsession")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        assert locked.wait(10)
        threading.Timer(1.5, enough.set).start()
        call_command("migrate", verbosity=0)
        working.result()
    connections["default"].close()  # the command has made one of its own
    connections["default"] = own
    assert len(tries) > 1


def indexes_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, table))


def test_a_process_is_ready_when_each_migration_of_its_code_is_applied(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_schema_was_current", False)
    assert health.migrations_of_the_code() == set(MigrationLoader(None).disk_migrations)
    recorded = MigrationRecorder.Migration.objects.filter(app="sessions_app").latest("pk")
    MigrationRecorder.Migration.objects.filter(pk=recorded.pk).delete()
    assert health.database_state() == "behind"
    MigrationRecorder(connection).record_applied(recorded.app, recorded.name)
    assert health.database_state() == "ok"
