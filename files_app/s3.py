"""An S3 bucket. Imported only where FILE_STORAGE says so: boto3 takes a while."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from files_app import kinds
from files_app.envelope import Reader
from files_app.incoming import Draft
from files_app.storage import answering

# One part after the other, read from the disk: a large file takes no more memory than a small one.
IN_TURN = TransferConfig(multipart_threshold=16 * 1024 * 1024, multipart_chunksize=16 * 1024 * 1024, use_threads=False)
NOT_THERE = ("404", "NoSuchKey", "NotFound")
DELETED_AT_ONCE = 1000
CONNECT_TIMEOUT_S = 5.0
FAILURES = (BotoCoreError, ClientError, Boto3Error, HTTPError)
answers = answering(*FAILURES)


class Body:
    """An object that is being read: the connection may break at any time."""

    def __init__(self, body: Reader) -> None:
        self._body = body

    @answers
    def read(self, size: int, /) -> bytes:
        return self._body.read(size)

    def close(self) -> None:
        self._body.close()


class BucketStorage(S3Storage):
    at_once = False

    def __init__(self, timeout_s: float = 10.0, **options: Any) -> None:
        """A server that says nothing for `timeout_s`, twice, has failed."""
        config = Config(
            signature_version="s3v4",
            # A bucket as a part of the host name is known to Amazon's own servers only.
            s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
            connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
            read_timeout=timeout_s,
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=32,
            # Other makers' servers do not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(client_config=config, transfer_config=IN_TURN, **options)

    @cached_property
    def client(self) -> Any:
        """One for all threads, which it is made for; the storage itself would make one for each."""
        return self.connection.meta.client

    @answers
    def put(self, key: str, incoming: Draft) -> None:
        content = {"ContentType": kinds.UNKNOWN}
        self.client.upload_file(str(incoming.path), self.bucket_name, key, ExtraArgs=content, Config=IN_TURN)

    @answers
    def reader(self, key: str, start: int = 0, size_bytes: int | None = None) -> Reader:
        end = "" if size_bytes is None else start + size_bytes - 1
        part = {"Range": f"bytes={start}-{end}"} if start or end else {}
        try:
            return Body(self.client.get_object(Bucket=self.bucket_name, Key=key, **part)["Body"])
        except ClientError as error:
            raise found_missing(error) from error

    @answers
    def size_of(self, key: str) -> int | None:
        try:
            return int(self.client.head_object(Bucket=self.bucket_name, Key=key)["ContentLength"])
        except ClientError as error:
            if isinstance(found_missing(error), FileNotFoundError):
                return None
            raise

    @answers
    def copy(self, key: str, to: str) -> None:
        try:
            self.client.copy({"Bucket": self.bucket_name, "Key": key}, self.bucket_name, to, Config=IN_TURN)
        except ClientError as error:
            raise found_missing(error) from error

    @answers
    def remove(self, keys: Iterable[str]) -> None:
        rest = list(keys)
        while rest:
            batch, rest = rest[:DELETED_AT_ONCE], rest[DELETED_AT_ONCE:]
            self.client.delete_objects(
                Bucket=self.bucket_name, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
            )

    def listing(self) -> Iterator[tuple[str, datetime]]:
        with answering(*FAILURES):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name):
                for found in page.get("Contents", []):
                    yield found["Key"], found["LastModified"]

    @answers
    def abort_unfinished(self, before: datetime) -> int:
        aborted = 0
        for page in self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket_name):
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < before:
                    self.client.abort_multipart_upload(
                        Bucket=self.bucket_name, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
                    aborted += 1
        return aborted

    def local_path(self, key: str) -> Path | None:
        return None

    @answers
    def upload_url(self, key: str, size_bytes: int, lifetime_s: int) -> str | None:
        # The length is signed with it: other bodies are refused by the bucket.
        wanted = {"Bucket": self.bucket_name, "Key": key, "ContentLength": size_bytes}
        url: str = self.client.generate_presigned_url("put_object", Params=wanted, ExpiresIn=lifetime_s)
        return url

    @answers
    def download_url(self, key: str, disposition: str, content_type: str, lifetime_s: int) -> str | None:
        wanted = {
            "Bucket": self.bucket_name,
            "Key": key,
            "ResponseContentDisposition": disposition,
            "ResponseContentType": content_type,
        }
        url: str = self.client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=lifetime_s)
        return url


def found_missing(error: ClientError) -> Exception:
    """The error itself, unless it says that there is no such object."""
    if error.response.get("Error", {}).get("Code") in NOT_THERE:
        return FileNotFoundError()
    return error
