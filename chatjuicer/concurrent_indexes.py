"""For migrations: an index on a table that is in use."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently as OnPostgreSQL
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex
from django.db.migrations.state import ProjectState


class AddIndexConcurrently(OnPostgreSQL):
    """On PostgreSQL beside what is read and written meanwhile, else as AddIndex does. Its migration says
    `atomic = False`, and has no other operation that half a failure would spoil."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        name = self.index.name
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [name])
            is_left_over = cursor.fetchone() is not None
            cursor.execute("SHOW lock_timeout")
            ((lock_timeout,),) = cursor.fetchall()
        schema_editor.execute("SET lock_timeout = 0")  # it waits for all who are at work, and none of them for it
        if is_left_over:  # by one that was cut short
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {schema_editor.quote_name(name)}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        schema_editor.execute(f"SET lock_timeout = '{lock_timeout}'")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        how: type[Any] = OnPostgreSQL if schema_editor.connection.vendor == "postgresql" else AddIndex
        how.database_backwards(self, app_label, schema_editor, from_state, to_state)
