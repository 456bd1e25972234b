"""Providers as administrators see, add, change and remove them over REST; in the admin: ../test_admin.py."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.db import connection
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from chat_app.models import ModelProvider
from chatjuicer.accounts.models import AuditEntry, User
from sessions_app.providers.provider import parsed_providers
from sessions_app.providers.served import registry
from tests.conftest import PASSWORD, refused
from tests.harness.client import signed_in
from tests.harness.provider import Provider
from tests.harness.provider.script import Script, parse
from tests.harness.services import free_port
from tests.harness.sites import Sites

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


GIVEN: dict[str, Any] = {
    "name": "home",
    "kind": "compatible",
    "url": "https://models.example/v1",
    "key": " sk-secret-1 ",
    "models": ["llama", "qwen-*"],
    "fallbacks": {"llama": ["cellar/mistral"]},
    "position": 3,
}
PATH = "/api/providers"


@pytest.fixture
def root(client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(User.objects.create_superuser("root@example.org", PASSWORD))


def sealed_key() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM chat_app_modelprovider")
        return str(cursor.fetchone()[0])


def asked_with() -> list[tuple[str, str, str]]:
    return [(found.name, found.url, found.key) for found in registry.named]


def test_a_provider_is_added_changed_and_removed_and_its_key_is_told_to_nobody(
    root: APIClient, settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    told = []

    def ask(verb: Callable[..., Any], path: str, *given: Any, **headers: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            answer = verb(path, *given, **headers)
        told.append(answer.content)
        return answer

    made = ask(root.post, PATH, GIVEN, HTTP_IDEMPOTENCY_KEY="once")
    assert (made.status_code, made.json()["name"], made.json()["host"]) == (201, "home", "models.example")
    again = ask(root.post, PATH, GIVEN, HTTP_IDEMPOTENCY_KEY="once")
    assert (again.status_code, again.json()) == (201, made.json())
    refused(ask(root.post, PATH, GIVEN), 409, "name_taken")
    assert asked_with() == [("home", "https://models.example/v1", "sk-secret-1")]
    assert sealed_key().startswith("enc:v1:")
    one = f"{PATH}/{made.json()['id']}"
    stands: dict[str, Any] = ask(root.get, one).json()
    assert stands == {name: value for name, value in GIVEN.items() if name != "key"} | {
        "id": made.json()["id"], "has_key": True, "enabled": True, "api": "", "api_version": "",
    }  # fmt: skip
    for moved in ({"url": "https://thief.example/v1"}, {"kind": "openai"}):
        refused(ask(root.patch, one, moved), 400, "key_needed")
    assert asked_with() == [("home", "https://models.example/v1", "sk-secret-1")]
    assert ask(root.patch, one, {"url": GIVEN["url"], "models": ["llama"]}).status_code == 200
    assert ask(root.patch, one, {"url": "https://other.example/v1", "key": "sk-secret-2"}).status_code == 200
    assert asked_with() == [("home", "https://other.example/v1", "sk-secret-2")]
    assert ask(root.get, one).json()["models"] == ["llama"]
    assert ask(root.patch, one, {"kind": "ollama", "url": "", "key": ""}).status_code == 200
    assert ask(root.get, one).json()["has_key"] is False
    assert asked_with() == [("home", "http://127.0.0.1:11434/v1", "")]
    ask(root.post, PATH, GIVEN | {"name": "cellar"})
    refused(ask(root.patch, one, {"name": "cellar"}), 409, "name_taken")
    assert ask(root.delete, one).json() == {"success": True}
    assert [ask(verb, one).status_code for verb in (root.get, root.delete)] == [404, 404]
    assert ask(root.patch, one, {"enabled": False}).status_code == 404
    assert [found.name for found in registry.named] == ["cellar"]
    lines = AuditEntry.objects.filter(object=f"modelprovider:{stands['id']}").order_by("seq")
    assert [(line.action, line.details.get("changed")) for line in lines] == [
        ("setting_created", None),
        ("setting_changed", ["allowed"]),
        ("setting_changed", ["key", "url"]),
        ("setting_changed", ["key", "kind", "url"]),
        ("setting_deleted", None),
    ]
    said = b"".join(told) + repr([line.details for line in AuditEntry.objects.all()]).encode()
    assert b"sk-secret" not in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Home"},
        {"name": "home\n"},
        {"url": "gopher://x"},
        {"url": ""},
        {"url": "https://user:secret@models.example/v1"},
        {"url": "https://models.example/v1?token=secret"},
        {"url": "https://models.exa\nmple/v1"},
        {"url": "https://models.example\\@thief.example/v1"},
        {"url": "https://models.example\\.thief.example/v1"},
        {"url": "https://models example/v1"},
        {"key": "sk-secret\nX-Other: 1"},
        {"key": "sk-secret-ключ"},
        {"kind": "unheard-of"},
        {"api": "telepathy"},
        {"models": "llama"},
        {"models": ["x" * 96]},
        {"fallbacks": {"llama": ["x"] * 9}},
        {"fallbacks": {"lla\0ma": ["x"]}},
        {"fallbacks": ["llama"]},
        {"key": 5},
        {"key": "x" * 2_001},
        {"position": -1},
    ],
)
def test_what_is_no_provider_is_refused(root: APIClient, wrong: dict[str, Any]) -> None:
    answer = root.post(PATH, GIVEN | wrong)
    refused(answer, 400, "invalid_input")
    assert b"secret" not in answer.content
    row = ModelProvider.objects.add(name="attic", url="https://attic.example/v1", key="sk-secret")
    refused(root.patch(f"{PATH}/{row.pk}", wrong | {"key": wrong.get("key", "new")}), 400, "invalid_input")
    assert ModelProvider.objects.filter(name="attic", url="https://attic.example/v1").exists()
    assert ModelProvider.objects.count() == 1


def test_a_key_that_nothing_unseals_is_entered_again(root: APIClient, settings: Settings) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    path = f"{PATH}/{root.post(PATH, GIVEN).json()['id']}"
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert root.get(path).json()["has_key"] is True
    assert root.patch(path, {"position": 1}).status_code == 200
    assert root.patch(path, {"key": "sk-other"}).status_code == 200
    assert ModelProvider.objects.get().key == "sk-other"


def test_an_address_with_a_secret_is_told_without_it(root: APIClient) -> None:
    row = ModelProvider.objects.create(name="old", url="https://me:secret@models.example:8443/v1?token=secret")
    assert root.get(f"{PATH}/{row.pk}").json()["url"] == "https://models.example:8443/v1"


def test_each_of_these_has_a_right_of_its_own(client_of: Callable[[User], APIClient]) -> None:
    row = ModelProvider.objects.create(name="home", url="https://models.example/v1")
    staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    one = f"{PATH}/{row.pk}"

    def answers() -> list[int]:
        client = client_of(User.objects.get(pk=staff.pk))
        return [
            client.get(PATH).status_code,
            client.post(PATH, GIVEN | {"name": "another"}).status_code,
            client.get(one).status_code,
            client.patch(one, {"position": 2}).status_code,
            client.delete(one).status_code,
        ]

    assert answers() == [403] * 5
    for right, expected in (
        ("view", [200, 403, 403, 403, 403]),
        ("add", [403, 201, 403, 403, 403]),
        ("change", [403, 403, 200, 200, 403]),
        ("delete", [403, 403, 403, 403, 200]),
    ):
        staff.user_permissions.set(Permission.objects.filter(codename=f"{right}_modelprovider"))
        assert answers() == expected, right


def scripted(directives: str) -> Script:
    script = parse(directives)
    assert script is not None
    return script


async def test_a_provider_is_tried_out_and_says_why_not(sites: Sites, provider: Provider) -> None:
    site = sites.get({"MODEL_LIST_EVERY_S": "0"})  # it is asked for its list by nobody else
    async with signed_in(site.url) as root:

        async def tried(**given: Any) -> Any:
            outcome = await root.post(f"{PATH}/test", {"name": "trial"} | given)
            assert outcome.pop("took_ms") >= 0
            return outcome if outcome["error"] is None else outcome["error"]["code"]

        given = {"name": "trial", "url": provider.url, "key": "sk-trial", "models": ["gpt-4*"], "enabled": False}
        made = await root.post(PATH, given, status=201)
        one = f"{PATH}/{made['id']}"
        try:
            assert await tried() == {"models": ["gpt-4.1", "gpt-4o-mini"], "error": None}
            await root.http.patch(one, json={"enabled": True})
            assert (await root.get(PATH))["providers"][1]["has_list"] is True
            await root.http.patch(one, json={"enabled": False})
            for api in ("chat_completions", "responses"):
                await root.http.patch(one, json={"api": api})
                assert await tried(model="gpt-4.1") == {"models": None, "error": None}
                assert (provider.requests[-1].api, provider.requests[-1].body["model"]) == (api, "gpt-4.1")
            for directive, code in (
                ("fail 401", "provider_auth"),
                ("fail 404", "model_not_found"),
                ("fail 503", "provider_unavailable"),
            ):
                provider.scripts.append(scripted(directive))
                assert await tried(model="gpt-4.1") == code
            provider.scripts.append(scripted("say 3 words; length after 1"))
            assert await tried(model="gpt-4.1") == {"models": None, "error": None}, "it has answered"
            provider.scripts.append(scripted("blocks 200 of 1000; hang after 100"))
            assert await tried(model="gpt-4.1") == {"models": None, "error": None}, "what never ends is cut off"
            for url, code in (
                (f"http://127.0.0.1:{free_port()}/v1", "provider_unavailable"),
                (f"{site.url}/nowhere", "no_list"),
                (f"{site.url}/static/chat", "no_list"),
            ):
                assert (await root.http.patch(one, json={"url": url, "key": "sk-trial"})).status_code == 200
                assert await tried() == code, url
            moved = {"kind": "azure", "url": site.url, "key": "sk-trial"}
            assert (await root.http.patch(one, json=moved)).status_code == 200
            assert await tried() == {"models": None, "error": None}, "nothing was asked"
            assert (await root.http.post(f"{PATH}/test", json={"name": "nobody"})).status_code == 404
            assert (await root.post(f"{PATH}/test", {"name": ""}))["error"] is None, "the default one"
        finally:
            await root.http.delete(one)
