import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from files_app.transfer.juicer.database import SourceUnreadable, opened
from files_app.transfer.juicer.moving import Bucket, move_in
from files_app.transfer.juicer.report import Report

PROGRESS_EVERY_S = 1.0


class Command(BaseCommand):
    help = (
        "Take in all accounts of an original Chat Juicer: users, projects, sessions and files (docs/export.md). "
        "Its database is only read; what is here already is passed over, so that it can be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", metavar="POSTGRESQL_URL", help="postgresql://user@host/name; see PGPASSWORD")
        parser.add_argument("--files", type=Path, metavar="DIR", help="its data/files, with a folder for each session")
        bucket = parser.add_argument_group(
            "where its files are in S3", "the keys as boto3 finds them: AWS_ACCESS_KEY_ID …"
        )
        bucket.add_argument("--bucket", metavar="NAME", default="", help="its S3_BUCKET, which is only read")
        bucket.add_argument("--endpoint", metavar="URL", help="its S3_ENDPOINT, of a server that is not Amazon's")
        bucket.add_argument("--region", help="its S3_REGION")
        bucket.add_argument("--profile", help="the keys of this profile of ~/.aws/credentials")

    def handle(self, *args: Any, url: str, files: Path | None, bucket: str, **options: Any) -> None:
        if files is not None and not files.is_dir():
            raise CommandError(f"There is no folder {files}.")
        self._told_at = 0.0
        report = Report(self.stdout.write, self._progress)
        try:
            with opened(url) as source:
                move_in(source, files, self._bucket(bucket, **options) if bucket else None, report)
        except SourceUnreadable as unreadable:
            raise CommandError(str(unreadable)) from None
        except psycopg.Error as error:
            raise CommandError(
                f"The original's database failed: {error}. What was taken in stays; try again."
            ) from None
        for line in report.sums():
            self.stdout.write(line)

    def _bucket(
        self, name: str, *, endpoint: str | None, region: str | None, profile: str | None, **others: Any
    ) -> Bucket:
        """Raises SourceUnreadable."""
        from files_app.transfer.juicer.bucket import S3Bucket  # noqa: PLC0415  # it is slow to load

        return S3Bucket(name, endpoint, region, profile)

    def _progress(self, done: int, of: int) -> None:
        if done == of or time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            sys.stderr.write(f"{done} of {of} sessions\n")
            sys.stderr.flush()
