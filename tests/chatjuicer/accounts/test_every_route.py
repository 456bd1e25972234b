"""Every address that the server answers at, whoever made its view, has its row in a matrix or a reason to have none."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver, path, re_path
from django.urls.resolvers import RegexPattern
from pytest_django.fixtures import Settings
from rest_framework.decorators import api_view

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession
from tests.chatjuicer.accounts.test_matrix import ALL
from tests.chatjuicer.accounts.test_scopes import methods_of, patterns
from tests.conftest import PASSWORD

# For everybody, with what keeps them from telling anything of anybody.
PUBLIC = {
    "": "the page, which asks the API for all that it shows",
    "worker.js": "a part of the page",
    "sandbox": "a part of the page, for what answers draw",
    "admin": "leads to admin/",
    "share/<str:token>": "the token is the proof (tests/sessions_app/test_share.py)",
    "reset-password": "a form; the token that was mailed is the proof (test_reset.py)",
    "confirm-email": "a form; the token that was mailed is the proof (test_email_change.py)",
    "here": "the token that the program printed is the proof (test_one_time_address.py)",
    "GET metrics": "numbers, and only for whom METRICS_TOKEN names (test_scopes.py)",
    "GET api/schema": "the document that the matrix is made from",
    "GET api/docs": "the page of that document",
}
ADMIN = "admin/"
ENTRY = {"admin/login/"}  # the door itself


def asked_for(resolver: URLResolver) -> Iterator[str]:
    """What may be asked for; where a view takes methods of its own, each of them."""
    for route, callback in patterns(resolver):
        if hasattr(callback, "cls"):
            yield from (f"{method} {route}" for method in methods_of(callback))
        else:
            yield route


def without_row(resolver: URLResolver) -> set[str]:
    in_matrix = {f"{operation.method.upper()} {operation.path.lstrip('/')}" for operation in ALL}

    def has_row(asked: str) -> bool:
        documented = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", asked)
        return documented in in_matrix or asked in PUBLIC or asked.startswith(ADMIN)

    return {asked for asked in asked_for(resolver) if not has_row(asked)}


def test_every_address_has_its_row() -> None:
    assert without_row(get_resolver()) == set()
    assert set(PUBLIC) <= set(asked_for(get_resolver()))


def titles(request: HttpRequest, key: str) -> HttpResponse:
    return HttpResponse(",".join(ChatSession.objects.values_list("title", flat=True)))


def with_planted(*planted: Any) -> URLResolver:
    return URLResolver(RegexPattern(r"^/"), [*get_resolver().url_patterns, *planted])


def test_a_planted_one_without_its_row_is_found() -> None:
    undocumented = api_view(["GET", "POST"])(titles)
    planted = with_planted(
        path("api/leak/<str:key>", titles),
        path("api/hidden/<str:key>", undocumented),
        re_path(r"^old/(?P<key>.*)$", titles),
    )
    assert without_row(planted) == {
        "api/leak/<str:key>", "GET api/hidden/<str:key>", "POST api/hidden/<str:key>", "^old/(?P<key>.*)$",
    }  # fmt: skip


NAMES = {"app_label": "accounts", "url": "nothing"}


def of_admin() -> list[str]:
    """An address for each pattern of the admin that is asked."""

    def address(route: str) -> str:
        parts = simplify_regex(route).lstrip("/").replace("/^", "/").replace("//", "/")
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda name: NAMES.get(name[1], str(UUID(int=1))), parts)

    routes = [route for route, _ in patterns(get_resolver())]
    return [address(route) for route in routes if route.startswith(ADMIN) and route not in ENTRY]


def let_in(client: Client) -> list[str]:
    doors = ("/admin/login/?", "/admin/")  # the latter of who wants to sign out
    return [at for at in of_admin() if not getattr(client.get(at), "url", "").startswith(doors)]


@pytest.mark.django_db
def test_the_admin_is_for_administrators_whatever_they_ask(client: Client, alice: User) -> None:
    assert let_in(client) == []
    client.force_login(alice)
    assert let_in(client) == []
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    assert client.get("/admin/").status_code == 200
    User.objects.filter(pk=root.pk).update(is_active=False)
    assert client.get("/admin/").status_code == 302
    assert len(of_admin()) > 100


@pytest.mark.django_db
def test_a_planted_one_below_the_admin_s_address_is_found(client: Client, settings: Settings) -> None:
    class Planted:
        urlpatterns = [path("admin/leak/<str:key>/", titles), *get_resolver().url_patterns]

    settings.ROOT_URLCONF = Planted
    assert let_in(client) == [f"/admin/leak/{UUID(int=1)}/"]
