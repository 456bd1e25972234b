"""A copy of everything that SQLite and the local files hold, made while the server runs."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import connection

from files_app.models import File, StoredBytes
from files_app.storage import LocalStorage, file_storage, sync_directory

DATABASE, FILES = "app.db", "files"
ATTEMPTS = 5


class BackupFailed(Exception):
    """Its text is for the operator."""


def back_up(target: Path) -> int:
    """Makes the directory `target`, which must be new or empty, whole or not at all; the bytes that it has.

    Raises BackupFailed.
    """
    if connection.vendor != "sqlite":
        raise BackupFailed("The database is PostgreSQL: use pg_dump, and back up the storage of the files.")
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupFailed(f"{target} is not empty.")
    draft = target.with_name(target.name + ".unfinished")
    try:
        if draft.exists():
            shutil.rmtree(draft)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        size_bytes = copy(draft)
        sync_directory(draft)
        os.replace(draft, target)
        sync_directory(target.parent)
    except OSError as error:  # no right, no room
        raise BackupFailed(f"{target} cannot be written: {error.strerror}.") from error
    except sqlite3.Error as error:  # none is there, or what is there is none
        raise BackupFailed(f"The database {connection.settings_dict['NAME']} cannot be copied: {error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # which is there if it has not become the target
    return size_bytes


def local_storage() -> LocalStorage | None:
    """None where the files are in S3, and not in a backup."""
    storage = file_storage().beneath  # as they lie there: what is sealed stays so
    return storage if isinstance(storage, LocalStorage) else None


def copy(draft: Path) -> int:
    """The bytes that the copy has."""
    local = local_storage()
    for _ in range(ATTEMPTS):
        if local:
            copy_files(Path(local.location), draft / FILES)
        copy_database(Path(str(connection.settings_dict["NAME"])), draft / DATABASE)
        if local is None or not missing(draft, local):
            remove_unnamed(draft)
            return sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    raise BackupFailed("Files came and went all the time; try again.")


def copy_files(source: Path, target: Path) -> None:
    """Those that are not there yet. Their bytes never change: what is written later has another name."""
    target.mkdir(mode=0o700, exist_ok=True)
    for directory in sorted(source.glob("??")):
        for path in directory.iterdir():
            copy_file(path, target / directory.name / path.name)


def copy_file(source: Path, target: Path) -> None:
    """Whole or not at all; of no effect if it was there before, or is gone now."""
    if target.exists():
        return
    target.parent.mkdir(mode=0o700, exist_ok=True)
    draft = target.with_name(f".{target.name}")
    try:
        with source.open("rb") as read, draft.open("wb") as written:
            os.fchmod(written.fileno(), 0o600)
            shutil.copyfileobj(read, written)
            written.flush()
            os.fsync(written.fileno())
    except FileNotFoundError:
        return
    draft.rename(target)


def copy_database(source: Path, target: Path) -> None:
    """One state of it, in one file; checked. Readers and writers of the source are not held up."""
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source.as_uri() + "?mode=ro", uri=True)) as read:
        target.touch(mode=0o600)
        with closing(sqlite3.connect(target)) as written:
            read.backup(written)
            written.execute("PRAGMA journal_mode=DELETE")
            problems = [str(row[0]) for row in written.execute("PRAGMA integrity_check") if row[0] != "ok"]
            problems += [f"{row[0]} {row[1]}" for row in written.execute("PRAGMA foreign_key_check")]
    if problems:
        raise BackupFailed(f"The copy is not sound: {'; '.join(problems[:5])}")


def remove_unnamed(draft: Path) -> None:
    """What was deleted, or encrypted anew, while it was copied."""
    with closing(sqlite3.connect(draft / DATABASE)) as database:
        named = {str(key) for (key,) in database.execute(f'SELECT "key" FROM "{StoredBytes._meta.db_table}"')}  # noqa: S608
    for path in (draft / FILES).glob("??/*"):
        if f"{path.parent.name}/{path.name}" not in named:
            path.unlink()


def missing(draft: Path, storage: LocalStorage) -> bool:
    """Whether rows of the copy name bytes that it lacks, after those that came meanwhile were fetched too."""
    with closing(sqlite3.connect(draft / DATABASE)) as database:
        keys = [str(key) for (key,) in database.execute(f'SELECT storage_key FROM "{File._meta.db_table}"')]  # noqa: S608
    for key in keys:
        copy_file(Path(storage.path(key)), draft / FILES / key)
    return not all((draft / FILES / key).exists() for key in keys)
