"""The commands beside `chat`. Each is given what was asked for, and returns the exit status."""

from __future__ import annotations

import getpass
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path

from chatjuicer_client.cli import codes
from chatjuicer_client.cli.places import Place
from chatjuicer_client.cli.screen import Screen
from chatjuicer_client.client import AsyncClient
from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.events import Resync
from chatjuicer_client.shapes import Found, SessionInfo


async def login(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    if wanted.api_key:
        place.keep_api_key(_secret("API key: "))
        await _prove_key(place)
        user = {}
    else:
        email = wanted.email or _visible("E-mail: ")
        user = await _signed_in(client, email, _secret("Password: "), wanted.totp)
        place.forget_api_key()
    place.remember()
    if screen.as_json:
        screen.object({"server": place.url, "user": user})
    else:
        screen.note(f"Signed in to {place.url}.")
    return codes.DONE


async def _signed_in(client: AsyncClient, email: str, password: str, totp: str | None) -> dict[str, object]:
    try:
        return await client.sign_in(email, password, totp)
    except ChatJuicerError as error:
        if error.code != "totp_required" or totp:
            raise
    return await client.sign_in(email, password, _visible("One-time password: "))


async def _prove_key(place: Place) -> None:
    """A key that does not let in is not kept."""
    try:
        async with AsyncClient(place.url, api_key=place.api_key) as client:
            await anext(client.sessions(), None)
    except ChatJuicerError:
        place.forget_api_key()
        raise


def _secret(prompt: str) -> str:
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _visible(prompt: str) -> str:
    """The prompt goes to the standard error, so that the output holds the answer alone."""
    if sys.stdin.isatty():
        sys.stderr.write(prompt)
        sys.stderr.flush()
    return sys.stdin.readline().strip()


async def logout(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    place.forget_api_key()
    await client.sign_out()
    screen.note(f"Signed out of {place.url}.")
    return codes.DONE


async def sessions(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    async for session in client.sessions(" ".join(wanted.search) or None, deleted=wanted.deleted or None):
        assert session.info is not None
        if screen.as_json:
            screen.object(session.info.raw)
        else:
            screen.line(f"{session.id}\t{session.info.last_used_at[:16]}\t{_one_line(session.info.title or '')}")
    return codes.DONE


async def rename(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    _tell_of(await client.session(wanted.session).rename(" ".join(wanted.title)), screen)
    return codes.DONE


async def pin(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    return await _each(wanted, screen, lambda name: client.session(name).pin())


async def unpin(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    return await _each(wanted, screen, lambda name: client.session(name).pin(False))


async def restore(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    return await _each(wanted, screen, lambda name: client.session(name).restore())


async def read(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    return await _each(wanted, screen, lambda name: client.session(name).mark_read())


async def delete(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    for name in wanted.sessions:
        await client.session(name).delete(permanent=wanted.permanent)
        if screen.as_json:
            screen.object({"session_id": name, "deleted": True})
        else:
            screen.note(f"Deleted {name}." if wanted.permanent else f"{name} is in the trash.")
    return codes.DONE


async def draft(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    """Without a text, the draft that there is; an empty text takes it away."""
    session = client.session(wanted.session)
    if wanted.text:
        _tell_of(await session.keep_draft(" ".join(wanted.text)), screen)
        return codes.DONE
    await session.detail()
    assert session.info is not None
    if screen.as_json:
        screen.object(session.info.raw)
    elif session.info.draft:
        screen.line(session.info.draft)
    return codes.DONE


async def _each(wanted: Namespace, screen: Screen, change: Callable[[str], Awaitable[SessionInfo]]) -> int:
    for name in wanted.sessions:
        _tell_of(await change(name), screen)
    return codes.DONE


def _tell_of(info: SessionInfo, screen: Screen) -> None:
    if screen.as_json:
        screen.object(info.raw)
    else:
        screen.note(f"{info.session_id}\t{_one_line(info.title or '')}")


async def search(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    """Like grep, finding nothing is a status of its own."""
    found = False
    async for result in client.search(" ".join(wanted.words), session_id=wanted.session):
        found = True
        if screen.as_json:
            screen.object(result.raw)
        else:
            where = f"{result.session_id}:{result.position or 'title'}"
            screen.line(f"{where}\t{_one_line(_marked(result) if screen.is_terminal else result.snippet)}")
    return codes.DONE if found else codes.FAILED


def _marked(found: Found) -> str:
    """With asterisks around what was found: the snippet is somebody's text, and may have no colours of its own."""
    text = found.snippet
    for begin, end in reversed(found.marks):
        text = f"{text[:begin]}*{text[begin:end]}*{text[end:]}"
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


async def export(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    async def fetch(target: Path) -> Path:
        if wanted.session:
            session = client.session(wanted.session)
            return await session.export(target, format=wanted.format, progress=screen.progress)
        return await client.export(target, progress=screen.progress)

    if not wanted.session and wanted.output == "-" and screen.is_terminal:
        screen.failure("All of an account is a zip: name a file with -o, or send it into a pipe.")
        return codes.WRONG_USE
    return await _deliver(fetch, wanted.output, screen)


async def import_(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    is_told = False

    def progress(done: int, total: int | None) -> None:
        nonlocal is_told
        screen.progress(done, total)
        if done == total and not is_told:
            is_told = True
            screen.note("The server is reading it…")

    report = await client.import_(Path(wanted.file), progress=progress)
    if screen.as_json:
        screen.object(report.raw)
    else:
        failed_count = max(report.failed_count, len(report.failed))
        screen.line(f"{report.imported} imported, {report.skipped} were here already, {failed_count} failed")
        for failed in report.failed:
            screen.failure(f"{failed['name']}: {failed['reason']}")
        if failed_count > len(report.failed):
            screen.failure(f"… and {failed_count - len(report.failed)} more")
        for part in report.left_out:
            screen.note(f"Not taken in: {part['count']} {part['what'].replace('_', ' ')}")
    return codes.FAILED if report.failed else codes.DONE


async def watch(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    async for event in client.watch(wanted.after):
        if screen.as_json:
            screen.object(event.frame)
        elif isinstance(event, Resync):
            screen.note("Something was missed.")
        else:
            about = f"{event.session.state}\t{_one_line(event.session.title or '')}" if event.session else ""
            screen.line(f"{event.frame['at'][:19]}\t{event.type}\t{event.session_id}\t{about}")
    return codes.DONE


async def upload(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    session = await client.create_session(wanted.session)
    for name in wanted.files:
        entry = await session.upload(Path(name), folder=wanted.folder, progress=screen.progress)
        if screen.as_json:
            screen.object(entry.raw)
        else:
            screen.line(f"{entry.path or entry.name}\t{entry.size}")
    return codes.DONE


async def download(client: AsyncClient, wanted: Namespace, place: Place, screen: Screen) -> int:
    session = client.session(wanted.session)

    async def fetch(target: Path) -> Path:
        return await session.download(wanted.name, target, folder=wanted.folder, progress=screen.progress)

    return await _deliver(fetch, wanted.output or Path(wanted.name).name, screen)


async def _deliver(fetch: Callable[[Path], Awaitable[Path]], output: str, screen: Screen) -> int:
    """To a file, or, as "-", to the standard output once it is whole."""
    if output == "-":
        with tempfile.TemporaryDirectory() as directory:
            with (await fetch(Path(directory) / "bytes")).open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return codes.DONE
    path = await fetch(Path(output))
    if screen.as_json:
        screen.object({"path": str(path), "size": path.stat().st_size})
    else:
        screen.note(f"{path}: {path.stat().st_size} bytes")
    return codes.DONE
