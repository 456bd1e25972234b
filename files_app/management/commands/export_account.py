import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.accounts.models import Act, AuditEntry, User
from files_app.transfer.archive import archive


class Command(BaseCommand):
    help = "Write all sessions and files of an account as an archive that any server can import (docs/export.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--output", type=Path, help="the file to write (default: standard output)")

    def handle(self, *args: Any, email: str, output: Path | None, **options: Any) -> None:
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no account of {email}.")
        AuditEntry.objects.record(Act.EXPORTED, user)
        if output is None:
            for piece in archive(user):
                sys.stdout.buffer.write(piece)
            return
        try:
            write(user, output)
        except FileExistsError:
            raise CommandError(f"{output} is there already.") from None
        except OSError as error:  # no folder, no right, no room
            raise CommandError(f"{output} cannot be written: {error.strerror or error}.") from None
        self.stdout.write(f"Wrote {output} ({output.stat().st_size} bytes).")


def write(user: User, output: Path) -> None:
    """All of it, or nothing: who comes to an end half-way leaves no archive that looks like one."""
    with output.open("xb") as file:
        try:
            output.chmod(0o600)
            for piece in archive(user):
                file.write(piece)
            file.flush()
        except BaseException:
            output.unlink(missing_ok=True)
            raise
