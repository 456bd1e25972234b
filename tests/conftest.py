"""What all tests share, and which of them run when.

TEST_PROFILE names the database of a run. A test that asks for a database, by `db` or by `profile` (which every site is
started with), runs on both; all others run once, in the SQLite run. So do those with a browser: what they look at is
the page, which is given the same by both. Where both runs go on side by side they are left to the other one, which has
less to do (`make test`, which names it in TEST_BROWSER_PROFILE).
"""

import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import certifi
import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from chatjuicer.accounts.models import TokenFamily, User
from tests.attack.marked import LookAtLines
from tests.harness import databases, programs
from tests.harness.provider import Provider
from tests.harness.sites import TIMES, Sites
from tests.settings import DIRECTORY, MIGRATE, PROFILE

PASSWORD = "correct horse battery staple"
DATABASES = {"db", "transactional_db", "profile"}
BROWSER_PROFILE = os.environ.get("TEST_BROWSER_PROFILE", "sqlite")
# What takes longer than a developer waits between two changes: processes of servers, a second storage, a browser.
SLOW = {"all_sites", "s3_endpoint", "browser", "the_site", "the_desktop_site"}


def pytest_configure() -> None:
    programs.fork_from_now_on()
    trust_one_authority()
    gc.disable()  # what is loaded and collected from here on stays


def trust_one_authority() -> None:
    """Instead of all that certifi knows: each HTTP client of each test reads them, for 17 ms of the processor, and none
    talks to anybody beyond this machine."""
    end = "-----END CERTIFICATE-----\n"
    one = DIRECTORY / "authority.pem"
    one.write_text(Path(certifi.where()).read_text().partition(end)[0] + end)
    certifi.where = lambda: str(one)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here: list[pytest.Item] = []
    elsewhere: list[pytest.Item] = []
    for item in items:
        (here if runs_here(item) else elsewhere).append(item)
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = here
    for item in items:
        if SLOW.intersection(getattr(item, "fixturenames", ())) or parameter_of(item, "storage") == "s3":
            item.add_marker("slow")
        if timing := item.get_closest_marker("timing"):
            item.add_marker(pytest.mark.flaky(reruns=1))
            item.add_marker("slow")
            item.user_properties.append(("timing", timing.kwargs["reason"]))
    # Files of a few long tests are begun first, so that no worker is left with one when all others have ended.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    gc.freeze()  # the collector need not walk through it again and again
    gc.enable()


def parameter_of(item: pytest.Item, name: str) -> object:
    return item.callspec.params.get(name) if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None


def runs_here(item: pytest.Item) -> bool:
    if only := item.get_closest_marker("only"):
        return bool(only.args[0] == PROFILE)
    if "browser" in getattr(item, "fixturenames", ()):
        return PROFILE == BROWSER_PROFILE
    asked_for = DATABASES.intersection(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db")
    return PROFILE == "sqlite" or bool(asked_for)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which tests needed a second try, and why they may have one."""
    if tried := terminalreporter.stats.get("rerun", []):
        terminalreporter.section("second tries")
        for report in tried:
            terminalreporter.line(f"{report.nodeid}: {dict(report.user_properties).get('timing')}")


@pytest.fixture(scope="session", autouse=True)
def no_line_tells_a_secret() -> Iterator[None]:
    lines = LookAtLines()
    logging.getLogger().addHandler(lines)
    yield
    logging.getLogger().removeHandler(lines)
    assert lines.found == []


@pytest.fixture(scope="session")
def profile() -> str:
    """The database of this run: "sqlite", or "postgres" with Redis."""
    return PROFILE


@pytest.fixture(scope="session")
def the_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def all_sites(profile: str, the_provider: Provider) -> Iterator[Sites]:
    sites = Sites(profile, the_provider)
    yield sites
    sites.stop()


@pytest.fixture(scope="module")
def sites(all_sites: Sites) -> Iterator[Sites]:
    """What most files ask for goes on, all else ends with its file: an idle process takes a percent of a core, and to
    start one takes two thirds of a second."""
    yield all_sites
    all_sites.stop(kept=TIMES)


@pytest.fixture
def provider(the_provider: Provider) -> Iterator[Provider]:
    """The model behind the sites; whatever it had to refuse fails the test."""
    the_provider.reset()
    yield the_provider
    violations, the_provider.violations = the_provider.violations, []
    the_provider.reset()
    assert violations == []


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    return PROFILE == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The tests' own database begins as a copy of the migrated one; PostgreSQL is told so in the settings."""
    if PROFILE == "sqlite":
        databases.copy_sqlite(Path(connections["default"].settings_dict["TEST"]["NAME"]), *MIGRATE)


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


def refused(answer: Any, status: int, code: str) -> None:
    """In the one shape of all errors."""
    assert answer.status_code == status, answer.content[:300]
    body = answer.json()
    assert body["detail"] == body["message"] == body["error"]["message"] != ""
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == answer.headers["X-Request-ID"]
