import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from chatjuicer.accounts.models import TokenFamily, User

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session", autouse=True)
def no_stragglers(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """PostgreSQL drops no database to which anybody is still connected, be it a thread that a test has left behind."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.org", PASSWORD, display_name="Alice")


@pytest.fixture
def mallory(db: None) -> User:
    """Has an account, and nothing of Alice's."""
    return User.objects.create_user("mallory@example.org", PASSWORD, display_name="Mallory")


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """A client that is signed in, with a real token."""

    def sign_in(user: User) -> APIClient:
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {TokenFamily.objects.sign_in(user).grant().access_token}")
        return client

    return sign_in


@pytest.fixture
def alice_client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


@pytest.fixture
def mallory_client(mallory: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(mallory)


@pytest.fixture
def anybody() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.fixture
def side_by_side() -> Iterator[Callable[..., list[Any]]]:
    """Runs a function for each argument, all at the same moment, each on a connection of its own."""

    def run(function: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
        start = threading.Barrier(len(arguments))

        def one(argument: Any) -> Any:
            try:
                start.wait(10)
                return function(argument)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(one, arguments))

    yield run
    connections.close_all()
