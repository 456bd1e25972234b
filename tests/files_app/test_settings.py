from typing import Any

import pytest

from files_app.checks import storage_settings


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"FILE_STORAGE": "S3"}, ["files_app.E001"]),
        ({"FILE_STORAGE": "s3", "S3_BUCKET": ""}, ["files_app.E002"]),
        ({"FILE_STORAGE": "s3", "S3_BUCKET": "files"}, []),
        ({"USER_QUOTA_BYTES": 5}, ["files_app.W003"]),
    ],
)
def test_a_storage_that_cannot_work_is_named_at_the_start(
    settings: Any, changes: dict[str, Any], found: list[str]
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert [problem.id for problem in storage_settings()] == found
    assert all(problem.hint for problem in storage_settings())
