"""Buckets of a server that speaks S3."""

from contextlib import closing
from typing import Any
from uuid import uuid4

import boto3


class Bucket:
    """An empty bucket and the settings that lead to it."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"files-{uuid4().hex[:12]}"
        self.options = {
            "bucket_name": self.name,
            "endpoint_url": endpoint,
            "access_key": "testing",
            "secret_key": "testing",
            "region_name": "us-east-1",
        }
        self.environment = {
            "FILE_STORAGE": "s3",
            "S3_BUCKET": self.name,
            "S3_ENDPOINT": endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
        }
        with closing(self.client()) as client:
            client.create_bucket(Bucket=self.name)

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.options["endpoint_url"],
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )
