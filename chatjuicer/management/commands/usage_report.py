from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat_app.models import CallUsage
from chat_app.models.usage import total_of
from chatjuicer.accounts.models import User
from chatjuicer.accounts.models.user import normal
from chatjuicer.api.arguments import day
from chatjuicer.api.times import between

COLUMNS = ("calls", "unpriced_calls", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost")


class Command(BaseCommand):
    help = (
        "What the calls of models took, of all users or one, in tokens and US dollars. Of unpriced calls the price was "
        "not known."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--by", choices=("day", "model", "user", "session"), default="day")
        parser.add_argument("--from", type=day, dest="since", metavar="DAY", help="UTC, such as 2026-11-01")
        parser.add_argument("--to", type=day, dest="until", metavar="DAY", help="included")
        parser.add_argument("--user", metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until, email = options["since"], options["until"], options["user"]
        if since and until and since > until:
            raise CommandError(f"No day is from {since} on and not after {until}.")
        rows = CallUsage.objects.filter(between(since, until))
        if email is not None:
            user = User.objects.filter(email=normal(email)).first()
            if user is None:
                raise CommandError(f"There is no account of {email}.")
            rows = rows.filter(user=user)
        found = CallUsage.objects.report(rows, options["by"])
        listed = [*found, {"key": "all", **total_of(found)}]
        table = [(options["by"], *COLUMNS), *(line(row) for row in listed)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for key, *cells in table:
            numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
            self.stdout.write("  ".join([key.ljust(widths[0]), *numbers]))


def line(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["key"] or "(deleted)", *(shown(row[column]) for column in COLUMNS))


def shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
