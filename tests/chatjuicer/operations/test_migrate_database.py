"""SQLite to PostgreSQL and back: the same people find the same conversations, and go on with them."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness import databases, services
from tests.harness.client import Client, assert_gapless, signed_in, text_of
from tests.harness.server import Site
from tests.settings import MIGRATE

pytestmark = [
    pytest.mark.only("postgres", reason="both databases are used; once is enough"),
    pytest.mark.slow(reason="each row is copied there and back, by programs"),
]
METADATA = {"n": 1e30, "big": 2**60, "nested": {"b": [1.0, None, "é\u2028"], "a": True}}


@pytest.fixture(scope="module")
def lived_in() -> Iterator[Site]:
    """A stopped site on SQLite with everything that a row can be of."""
    with Site("sqlite") as site:
        asyncio.run(live(site))
        site.servers[0].stop()
        yield site


async def live(site: Site) -> None:
    async with signed_in(site.url) as alice:
        session = await alice.create_session(session_id="talk", metadata=METADATA, mcp_config=[], disabled_tools=["x"])
        async with alice.chat(session) as chat:
            await chat.ask("What time is it?")
            await chat.say("count to 1000")
            await chat.expect("delta")
            await chat.send({"type": "interrupt"})
            await chat.expect("stream_end", finish_reason="interrupted")
        await alice.post("/api/sessions", {"title": "Again"}, 201, **{"Idempotency-Key": "once"})
        file = {"file": ("notes.txt", io.BytesIO(b"notes"), "text/plain")}
        assert (await alice.http.post(f"/api/sessions/{session}/files/upload", files=file)).status_code == 201
        await alice.post("/api/auth/ws-ticket")


@pytest.fixture
def postgres_url() -> Iterator[str]:
    url = services.postgres().create_database()
    yield url
    services.postgres().drop_database(url)


@pytest.fixture
def migrated_url() -> Iterator[str]:
    url = services.postgres().create_database(databases.postgres_template(*MIGRATE))
    yield url
    services.postgres().drop_database(url)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


async def seen(client: Client) -> dict[str, Any]:
    """All that the owner can see of it."""
    detail = await client.detail("talk")
    listed = await client.get("/api/sessions")
    whole = {"detail": detail, "events": await client.events("talk"), "listed": listed["sessions"]}
    # One database writes 1e30 and the other its digits: JSON's number is the same.
    return dict(json.loads(json.dumps(whole), parse_int=float))


async def test_there_and_back(lived_in: Site, postgres_url: str, tmp_path: Path) -> None:
    database = lived_in.directory / "data" / "app.db"
    back = tmp_path / "back.db"
    said = lived_in.manage("migrate_database", "--from", sqlite_url(database), "--to", postgres_url)
    assert "All rows are the same." in said
    said_back = lived_in.manage("migrate_database", "--from", postgres_url, "--to", sqlite_url(back))
    assert said_back == said, "the same counts and hashes"

    lived_in.servers[0].restart()
    async with signed_in(lived_in.url) as alice:
        before = await seen(alice)
    lived_in.servers[0].stop()
    lived_in.servers[0].environment["DATABASE_URL"] = postgres_url
    lived_in.servers[0].restart()
    try:
        async with signed_in(lived_in.url) as alice:
            assert await seen(alice) == before
            documents = await alice.get("/api/sessions/talk/documents/search", q="notes")
            assert [found["text"] for found in documents["results"]] == ["notes"]
            async with alice.chat("talk") as chat:
                assert text_of(await chat.ask("count to 3")).endswith("1, 2, 3.")
            assert_gapless(await alice.events("talk"))
    finally:
        lived_in.servers[0].stop()
        lived_in.servers[0].environment["DATABASE_URL"] = ""


def test_a_target_with_rows_is_left_alone(lived_in: Site, migrated_url: str) -> None:
    source = sqlite_url(lived_in.directory / "data" / "app.db")
    lived_in.manage("migrate_database", "--from", source, "--to", migrated_url)
    with pytest.raises(RuntimeError, match="The target is not empty"):
        lived_in.manage("migrate_database", "--from", source, "--to", migrated_url)


def test_a_row_that_came_out_different_is_noticed(lived_in: Site, migrated_url: str) -> None:
    source = sqlite_url(lived_in.directory / "data" / "app.db")
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.content = upper(NEW.content); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER shout BEFORE INSERT ON sessions_app_message FOR EACH ROW EXECUTE FUNCTION shout()"
        )
    with pytest.raises(RuntimeError, match=r"differs in sessions_app_message"):
        lived_in.manage("migrate_database", "--from", source, "--to", migrated_url)


def test_a_source_that_is_not_there_is_not_made(lived_in: Site, postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="There is no file"):
        lived_in.manage("migrate_database", "--from", sqlite_url(tmp_path / "none.db"), "--to", postgres_url)
    assert list(tmp_path.iterdir()) == []
