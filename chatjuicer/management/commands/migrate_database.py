from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.operations.move import MoveRefused, move


class Command(BaseCommand):
    help = "Copy all rows into an empty database, and compare them. Stop the server first; the source is only read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="source", required=True, metavar="URL", help="sqlite:///data/app.db")
        parser.add_argument("--to", dest="target", required=True, metavar="URL", help="postgresql://user@host/name")

    def handle(self, *args: Any, **options: Any) -> None:
        different = []
        try:
            for moved in move(options["source"], options["target"]):
                if options["verbosity"]:
                    self.stdout.write(f"{moved.table}: {moved.target.rows} rows, {moved.target.digest}")
                if not moved.same:
                    different.append(f"{moved.table} ({moved.source.rows} rows, {moved.target.rows} copied)")
        except MoveRefused as refused:
            raise CommandError(str(refused)) from None
        if different:
            raise CommandError(f"Do not use the target; it differs in {', '.join(different)}.")
        self.stdout.write("All rows are the same.")
