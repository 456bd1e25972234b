from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.api.arguments import seconds
from chatjuicer.operations.housekeeping import HeldElsewhere, housekeep_now


class Command(BaseCommand):
    help = "Do now, and to the end, what servers do by themselves every minute. May run beside them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait",
            type=seconds,
            default=30,
            metavar="SECONDS",
            help="for a server that is doing it at this moment (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        failed = []
        try:
            for task in housekeep_now(options["wait"]):
                self.stdout.write(f"{task.name}: {task.error or task.done} in {task.took_s:.1f} s")
                if task.error:
                    failed.append(task.name)
        except HeldElsewhere:
            raise CommandError("A server is doing it at this moment; try again in a minute.") from None
        if failed:
            raise CommandError(f"These failed, and the log says how: {', '.join(failed)}")
