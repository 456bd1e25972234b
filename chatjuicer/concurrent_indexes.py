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
        how: type[Any] = OnPostgreSQL if schema_editor.connection.vendor == "postgresql" else AddIndex
        how.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        how: type[Any] = OnPostgreSQL if schema_editor.connection.vendor == "postgresql" else AddIndex
        how.database_backwards(self, app_label, schema_editor, from_state, to_state)
