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
            with output.open("xb") as file:
                output.chmod(0o600)
                for piece in archive(user):
                    file.write(piece)
        except FileExistsError:
            raise CommandError(f"{output} is there already.") from None
        self.stdout.write(f"Wrote {output} ({output.stat().st_size} bytes).")
