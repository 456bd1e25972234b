from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.operations.backup import BackupFailed, back_up, local_storage


class Command(BaseCommand):
    help = "Copy the SQLite database and the local files into DIR, which must be new or empty, while the server runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", metavar="DIR", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["directory"].absolute()
        try:
            size_bytes = back_up(target)
        except BackupFailed as failed:
            raise CommandError(str(failed)) from None
        if local_storage() is None:
            self.stdout.write("The files are in S3 and not in this backup.")
        if settings.MESSAGE_ENCRYPTION_KEYS:
            self.stdout.write("MESSAGE_ENCRYPTION_KEYS, without which it cannot be read, are not in this backup.")
        self.stdout.write(f"Backed up to {target}: {size_bytes} bytes")
