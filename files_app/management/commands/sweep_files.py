from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.api.arguments import seconds
from files_app.sweep import sweep


class Command(BaseCommand):
    help = "Delete stored bytes that nobody needs, and name files whose bytes are gone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=seconds,
            default=3600,
            metavar="SECONDS",
            help="leave what is younger, which an upload in progress may have written (default: an hour)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        *_, swept = sweep(timedelta(seconds=options["older_than"]))
        self.stdout.write(
            f"Deleted {swept.given_up} that were given up, {swept.strays} that no row knew and "
            f"{swept.unfinished} that were never finished."
        )
        if swept.lost:
            raise CommandError(f"The bytes of {len(swept.lost)} files are gone: {', '.join(map(str, swept.lost))}")
