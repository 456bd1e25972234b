"""Django's `migrate`, beside servers that go on."""

import time
from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK_TIMEOUT_MS = 400
"""Less than PostgreSQL's `deadlock_timeout` (1 s): where a migration and a server wait for each other, the migration
gives way. It is undone as a whole then, and nothing that was said is."""

GIVE_UP_AFTER_S = 120
PAUSE_S = 0.3
COMES_AGAIN = {"55P03", "40P01"}  # lock_not_available, deadlock_detected


class Command(DjangoCommand):
    help = "Bring the tables up to date; on PostgreSQL while servers read and write them."

    def handle(self, *args: Any, **options: Any) -> None:
        """What was migrated before a migration had to give way is not done again."""
        alias = options["database"]
        if connections[alias].vendor != "postgresql":
            super().handle(*args, **options)
            return
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        while True:
            set_lock_timeout(connections[alias], f"'{LOCK_TIMEOUT_MS}ms'")
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                # All of it: one that failed at the end of a migration still takes itself to be in the transaction.
                connections[alias].close()
                del connections[alias]
                if getattr(error.__cause__, "sqlstate", "") not in COMES_AGAIN or time.monotonic() > deadline:
                    raise
            else:
                set_lock_timeout(connections[alias], "DEFAULT")
                return
            if options["verbosity"]:
                self.stdout.write(" a server holds this table, trying again")
            time.sleep(PAUSE_S)


def set_lock_timeout(connection: BaseDatabaseWrapper, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout TO {value}")
