"""Providers as administrators see them over REST, and turn them off; in the admin: test_admin.py."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from chat_app.models import ModelProvider
from chatjuicer.accounts.models import AuditEntry, User
from sessions_app.providers import parsed_providers
from sessions_app.served import registry
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def known_to_nobody_else() -> Iterator[None]:
    yield
    registry.clear()


def test_staff_sees_the_providers_and_turns_one_off(
    settings: Settings,
    client_of: Callable[[User], APIClient],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    given = [{"name": name, "url": f"https://{name}.example/v1", "key": "sk-secret"} for name in ("attic", "cellar")]
    settings.PROVIDERS = parsed_providers(given, lambda name: "")
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-secret", ""
    with django_capture_on_commit_callbacks(execute=True):
        row = ModelProvider.objects.create(
            name="attic", url="https://roof.example/v1?token=secret", key="sk-secret", allowed=["llama", "mistral"]
        )
    staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_modelprovider"))
    answer = client_of(staff).get("/api/providers")
    assert b"secret" not in answer.content
    found: dict[str, Any] = {one["name"]: one for one in answer.json()["providers"]}
    assert list(found) == ["", "attic", "cellar"]
    assert (found[""]["id"], found[""]["host"], found[""]["enabled"]) == (None, "api.openai.com", True)
    attic = found["attic"]
    assert (attic["id"], attic["host"], attic["models"], attic["has_list"]) == (row.pk, "roof.example", 2, False)
    path = f"/api/providers/{row.pk}"
    assert client_of(staff).patch(path, {"enabled": False}).status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="change_modelprovider"))
    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of(staff).patch(path, {"enabled": False})
    assert answer.json() == attic | {"enabled": False, "models": 0, "has_list": None}
    assert [provider.name for provider in registry.named] == ["cellar"]
    assert client_of(staff).patch(path, {}).status_code == 400
    line = AuditEntry.objects.get(object=f"modelprovider:{row.pk}", action="setting_changed")
    assert (line.actor, line.details) == (str(staff.pk), {"name": "attic", "changed": ["enabled"], "enabled": False})
