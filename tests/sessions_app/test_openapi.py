"""What the OpenAPI document says of conversations is what the server does."""

from typing import Any

import orjson
import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from rest_framework.test import APIClient
from schemathesis import GenerationMode

from chatjuicer.accounts.models import TokenFamily, User
from sessions_app.models import ChatSession

# The requests end as real ones do: they close the connection.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.only("sqlite", reason="which shapes an answer has; test_api_truth.py asks the other database"),
]

# What a route refuses is tested by test_bad_input.py: here its unknown query parameters would count as bad input.
CONFIG = schemathesis.Config()
CONFIG.projects.default.generation.update(modes=[GenerationMode.POSITIVE], allow_x00=False)

ROUTES = [
    ("/api/sessions", "GET"),
    ("/api/sessions", "POST"),
    ("/api/sessions/{key}", "GET"),
    ("/api/sessions/{key}", "PATCH"),
    ("/api/sessions/{key}", "DELETE"),
    ("/api/sessions/{key}/clear", "POST"),
    ("/api/sessions/{key}/messages", "GET"),
    ("/api/sessions/{key}/messages", "POST"),
]


@pytest.mark.slow(reason="requests are drawn from the whole document")
@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_a_route_takes_and_answers_what_is_described(path: str, method: str, anybody: APIClient, alice: User) -> None:
    answer = anybody.get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"})
    schema = schemathesis.openapi.from_dict(orjson.loads(answer.content), config=CONFIG)
    schema.app = get_wsgi_application()
    token = TokenFamily.objects.sign_in(alice).grant().access_token

    @given(case=schema[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    @settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        session, created = ChatSession.objects.open(alice, public_id="s")
        if created:
            session.post("assistant", "hello")
        if "{key}" in path:
            case.path_parameters["key"] = "s"
        if isinstance(case.body, dict) and case.body.get("project_id"):
            case.body["project_id"] = None  # of a project that is not there, it would rightly be refused
        if "project_id" in (case.query or {}):
            del case.query["project_id"]
        if case.headers:
            case.headers.pop("Idempotency-Key", None)  # drawn again, it would rightly meet another body
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

    ask()
