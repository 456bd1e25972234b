#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError, OperationalError

UNKNOWN_TABLE_OR_COLUMN = ("42P01", "42703")


def what_to_do(error: DatabaseError) -> str | None:
    """None where the fault is ours."""
    said = str(error).strip().partition("\n")[0]
    if getattr(error.__cause__, "sqlstate", "") in UNKNOWN_TABLE_OR_COLUMN or said.startswith("no such "):
        return "The database is empty, or of another version: run `python manage.py migrate` first."
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return f"The database cannot be used: {said}. See DATABASE_URL and DATA_DIR, and whether it runs."
    return None


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatjuicer.settings")
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        if "--traceback" in sys.argv or not (sentence := what_to_do(error)):
            raise
        sys.exit(f"CommandError: {sentence}")
