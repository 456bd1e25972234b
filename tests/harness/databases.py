"""Databases that are migrated once for a whole test run, and copied for whoever needs one.

The first process of a run names a directory in TEST_RUN_DIRECTORY, which its workers inherit; whichever of them comes
first makes what is missing there.
"""

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.harness import programs, services

ROOT = Path(__file__).resolve().parents[2]
Environment = dict[str, str]


def manage(environment: Environment, *arguments: str) -> str:
    """What `manage.py …` says; RuntimeError, with that, where it fails."""
    done = programs.run(["manage.py", *arguments], environment)
    if done.returncode:
        raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def copy_sqlite(target: Path, environment: Environment, *commands: str) -> None:
    """Puts a database on which `commands` of `manage.py` were run at `target`."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(_sqlite(environment, commands), target)


@functools.cache
def run_directory() -> Path:
    if inherited := os.environ.get("TEST_RUN_DIRECTORY"):
        return Path(inherited)
    directory = Path(tempfile.mkdtemp(prefix="run-"))
    os.environ["TEST_RUN_DIRECTORY"] = str(directory)
    atexit.register(_discard, directory)
    return directory


def _sqlite(environment: Environment, commands: tuple[str, ...]) -> Path:
    directory = run_directory() / "-".join(("sqlite", *commands))
    finished = directory / "app.db"
    with _one_at_a_time():
        if not finished.exists():
            draft = directory / "draft"
            draft.mkdir(parents=True)
            *before, last = commands
            if before:
                shutil.copyfile(_sqlite(environment, tuple(before)), draft / "app.db")
            manage(environment | {"DATA_DIR": str(draft), "DATABASE_URL": "", "REDIS_URL": ""}, last)
            (draft / "app.db").rename(finished)
    return finished


def postgres_template(environment: Environment, *commands: str) -> str:
    """The name of such a database in the run's own PostgreSQL; nobody is connected to it."""
    name = "_".join(("template", *commands, run_directory().name.replace("-", "_")))
    finished = run_directory() / name
    with _one_at_a_time():
        if not finished.exists():
            *before, last = commands
            template = postgres_template(environment, *before) if before else "template0"
            url = services.postgres().create_database(template, name)
            data = str(run_directory() / "data")
            manage(environment | {"DATA_DIR": data, "DATABASE_URL": url, "REDIS_URL": ""}, last)
            finished.touch()
    return name


_depth = 0


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of all processes of the run; the one that is inside may enter again."""
    global _depth
    with (run_directory() / "lock").open("w") as lock:
        if not _depth:
            fcntl.flock(lock, fcntl.LOCK_EX)
        _depth += 1
        try:
            yield
        finally:
            _depth -= 1


def _discard(directory: Path) -> None:
    # A PostgreSQL of our own is gone by now, with all that was in it.
    with suppress(psycopg.OperationalError):
        for path in directory.glob("template_*"):
            postgres = services.postgres()
            postgres.drop_database(urlunsplit(urlsplit(postgres.url)._replace(path=f"/{path.name}")))
    shutil.rmtree(directory, ignore_errors=True)
