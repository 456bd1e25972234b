"""An index for searching titles on PostgreSQL, where its pg_trgm can be had; elsewhere a search reads `session_by_update`."""

import logging
from typing import Any

from django.db import DatabaseError, migrations, transaction

logger = logging.getLogger(__name__)

INDEX = "session_title_words"


def add_index(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    table = apps.get_model("sessions_app", "ChatSession")._meta.db_table
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            # As `icontains` asks.
            cursor.execute(f'CREATE INDEX {INDEX} ON "{table}" USING gin (UPPER("title"::text) gin_trgm_ops)')
    except DatabaseError as error:
        logger.warning("titles are searched without an index, because pg_trgm cannot be had: %s", error)


def remove_index(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0003_session_name")]
    operations = [migrations.RunPython(add_index, remove_index)]
