"""The bucket of an original that keeps its files in S3, as `<session>/<folder>/<name>`: only read.

Imported where one is named: boto3 takes a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from files_app.s3 import FAILURES, IN_TURN
from files_app.transfer.exceptions import UnreadableArchive

from .database import SourceUnreadable
from .folder import Found, Withheld

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
ATTEMPTS = 3
TOO_MANY_REQUESTS = 429


class S3Bucket:
    def __init__(self, name: str, endpoint: str | None, region: str | None, profile: str | None) -> None:
        """Its keys are those of `profile`, or as boto3 finds them: AWS_ACCESS_KEY_ID, say. Raises SourceUnreadable."""
        self._name = name
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # Other makers' servers do not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            self._client = session.client("s3", endpoint_url=endpoint, config=config)
            self._client.list_objects_v2(Bucket=name, MaxKeys=1)
        except (*FAILURES, ValueError) as error:
            raise SourceUnreadable(f"The bucket {name} cannot be read: {error}") from None

    def of(self, session: str) -> Iterator[Found]:
        """Raises UnreadableArchive."""
        folder = f"{session}/"
        for page in self._pages(Prefix=folder):
            for each in page.get("Contents", []):
                yield Found(each["Key"].removeprefix(folder), each["Size"], each["LastModified"])

    def fetch(self, session: str, name: str, target: Path) -> None:
        """Raises Withheld and, where the server does not answer, UnreadableArchive."""
        with answering():
            try:
                self._client.download_file(self._name, f"{session}/{name}", str(target), Config=IN_TURN)
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
                if status >= 500 or status == TOO_MANY_REQUESTS:
                    raise
                raise Withheld(f"The bucket does not give it: {error}") from None

    def sessions(self) -> Iterator[str]:
        """The folders that there are. Raises UnreadableArchive."""
        for page in self._pages(Delimiter="/"):
            for each in page.get("CommonPrefixes", []):
                yield each["Prefix"].removesuffix("/")

    def _pages(self, **wanted: str) -> Iterator[dict[str, Any]]:
        with answering():
            yield from self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, **wanted)


@contextmanager
def answering() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise UnreadableArchive(f"The bucket failed: {error}") from None
