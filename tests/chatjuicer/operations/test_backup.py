"""A copy that is taken while people talk is a whole one: a server that is given it goes on from there."""

import asyncio
import io
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.harness.client import Client, assert_gapless, signed_in
from tests.harness.server import Site


async def chatter(client: Client, sessions: list[str]) -> None:
    async def talk(session: str) -> None:
        async with client.chat(session) as chat:
            while True:
                await chat.ask("count to 20")

    async def upload(session: str) -> None:
        number = 0
        while True:
            number += 1
            files = {"file": (f"{number}.txt", io.BytesIO(f"file {number}".encode()), "text/plain")}
            answer = await client.http.post(f"/api/sessions/{session}/files/upload", files=files)
            assert answer.status_code == 201, answer.text
            if number % 2:
                assert (await client.http.delete(f"/api/sessions/{session}/files/{number}.txt")).status_code == 200

    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(talk(session))
            group.create_task(upload(session))


async def test_a_copy_taken_while_people_talk_is_whole(tmp_path: Path) -> None:
    copy, key = tmp_path / "copy", Fernet.generate_key().decode()
    with Site("sqlite", MESSAGE_ENCRYPTION_KEYS=key) as site:
        async with signed_in(site.url) as alice:
            sessions = [await alice.create_session() for _ in range(3)]
            talking = asyncio.create_task(chatter(alice, sessions))
            async with asyncio.timeout(60):
                while any([len(await alice.events(session)) <= 20 for session in sessions]):
                    await asyncio.sleep(0.1)
            said = await asyncio.to_thread(site.manage, "backup", str(copy))
            assert not talking.done(), talking.exception()
            talking.cancel()
            assert str(copy) in said
            assert "MESSAGE_ENCRYPTION_KEYS" in said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert {path.name for path in copy.iterdir()} == {"app.db", "files"}

    with Site("sqlite", MESSAGE_ENCRYPTION_KEYS=key) as restored:
        restored.servers[0].stop()
        shutil.rmtree(restored.directory / "data" / "files", ignore_errors=True)
        for path in (restored.directory / "data").glob("app.db*"):
            path.unlink()
        shutil.copytree(copy, restored.directory / "data", dirs_exist_ok=True)
        restored.servers[0].restart()
        async with signed_in(restored.url) as alice:
            for session in sessions:
                events = await alice.events(session)
                assert_gapless(events)
                assert len(events) > 20
                files = (await alice.get(f"/api/sessions/{session}/files"))["files"]
                for file in files:
                    answer = await alice.http.get(f"/api/sessions/{session}/files/{file['name']}/download")
                    assert answer.text == f"file {file['name'].removesuffix('.txt')}"
                async with alice.chat(session) as chat:
                    await chat.ask("count to 3")
        assert restored.manage("doctor") == "Nothing is wrong.\n"


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with Site("sqlite", processes=1) as site, pytest.raises(RuntimeError, match="is not empty"):
        site.manage("backup", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_where_no_directory_can_be_made_one_line_says_so() -> None:
    with Site("sqlite", processes=1) as site:
        with pytest.raises(RuntimeError, match="CommandError: /dev/null/backup cannot be written") as failed:
            site.manage("backup", "/dev/null/backup")
        assert "Traceback" not in str(failed.value)


def test_a_broken_database_gives_no_backup(tmp_path: Path) -> None:
    with Site("sqlite", processes=1) as site:
        site.servers[0].stop()
        with closing(sqlite3.connect(site.directory / "data" / "app.db")) as database:
            database.execute("PRAGMA foreign_keys=OFF")
            database.execute(
                "INSERT INTO accounts_tokenfamily (id, user_id, created_at, jti, issued_at, expires_at) "
                "VALUES ('a', 'nobody', '2026-01-01', 'b', '2026-01-01', '2026-01-01')"
            )
            database.commit()
        with pytest.raises(RuntimeError, match="not sound: accounts_tokenfamily"):
            site.manage("backup", str(tmp_path / "copy"))
    assert list(tmp_path.iterdir()) == []
