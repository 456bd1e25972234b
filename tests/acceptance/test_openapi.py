"""The schema is true: schemathesis sends what it allows, and what it forbids, and looks at what comes back."""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.harness.server import Site

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def schema(site: Site) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_url(f"{site.url}/api/schema?format=json")
    assert schema.raw_schema["openapi"].startswith("3.1")
    return schema


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_operation_answers_as_the_schema_says(
    schema: schemathesis.BaseSchema, tokens: dict[str, str], mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {tokens['access']}"}
    untrue: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or list(operation.iter_parameters())):
            continue

        @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_truly(case: Case) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)

        try:
            # An operation that no input can break has no negative cases.
            with contextlib.suppress(Unsatisfiable):
                answers_truly()
        except FailureGroup as failures:
            untrue += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert untrue == []
