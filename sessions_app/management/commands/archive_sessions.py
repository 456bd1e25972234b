"""Moves what was said in old sessions out of the way of the new ones."""

import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from sessions_app.archive import archive_unused

AGE = re.compile(r"([0-9]{1,5})([dhw])")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    found = AGE.fullmatch(text)
    if found is None:
        raise ArgumentTypeError("an age is a number of hours, days or weeks, such as 12h, 90d or 8w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


class Command(BaseCommand):
    help = (
        "Compress messages, context and events of sessions that were not used for so long into one row for each. They "
        "can be read as before, and are brought back by whatever is written there. Servers may go on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", type=age, required=True, metavar="AGE", help="12h, 90d, 8w")

    def handle(self, *args: Any, older_than: timedelta, **options: Any) -> None:
        packed = sum(archive_unused(timezone.now() - older_than))
        self.stdout.write(f"{packed} sessions archived")
