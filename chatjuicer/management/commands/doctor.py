from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.operations.doctor import findings
from files_app import sandbox


class Command(BaseCommand):
    help = "Find rows that contradict one another, and repair them with --repair. May run beside a working server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="repair what is found")

    def handle(self, *args: Any, **options: Any) -> None:
        if lacks := sandbox.missing():
            without = " and ".join(lacks)
            self.stderr.write(
                f"sandbox: documents are read, and MCP servers run, without {without}, which this system has not."
            )
        if sandbox.keeps_root():
            self.stderr.write(
                "sandbox: this is root, and so are readers and MCP servers: others cannot reach the interpreter."
            )
        found: Counter[str] = Counter()
        for finding in findings(options["repair"]):
            found[finding.check] += 1
            self.stdout.write(f"{finding.check}: {finding.what}")
        if not found:
            self.stdout.write("Nothing is wrong.")
            return
        total = ", ".join(f"{n} {check}" for check, n in found.items())
        if not options["repair"]:
            raise CommandError(f"Found {total}. --repair mends it.")
        if left := sum(1 for _ in findings(repair=False)):
            raise CommandError(f"Found {total}; {left} could not be mended.")
        self.stdout.write(f"Mended {total}.")
