"""Named points at which a server dies, as by kill -9, when a tool has armed them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from chat_app.delivery.layer import Layer
from chat_app.log.commit_hooks import CommitHooks
from chat_app.log.run_writer import RunWriter
from chatjuicer.accounts.models.family import TokenFamilyManager
from files_app.models.file import FileManager

from . import path_of, replace

POINTS = (
    "before-commit-of-journal",  # the thread that writes the log
    "after-commit-of-journal",
    "before-commit-of-http",  # a thread that answers a request
    "after-commit-of-http",
    "between-commit-and-ring",
    "between-ring-and-letter",
    "between-call-and-output",
    "before-output-of-call",
    "before-refresh",
    "after-refresh",
    "between-bytes-and-row",
)

_lock = threading.Lock()
_times: dict[str, int] = {}


def reached(point: str) -> None:
    path = path_of(f"at-{point}")
    try:
        with open(path) as file:
            nth, arming = file.read().split()
    except OSError:
        return
    with _lock:
        _times[arming] = _times.get(arming, 0) + 1
        if _times[arming] < int(nth):
            return
    with suppress(OSError):
        os.rename(path, path_of(f"taken-{arming}"))  # of several processes, one
        os.kill(os.getpid(), signal.SIGKILL)


def thread_kind() -> str:
    return threading.current_thread().name.partition("_")[0]


def before(owner: Any, name: str, point: Callable[..., str | None]) -> None:
    """Passes the point that the call's arguments name, and then makes the call."""
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if place := point(*args, **kwargs):
            reached(place)
        return original(*args, **kwargs)

    setattr(owner, name, call)


def around(owner: Any, name: str, first: str, then: str) -> None:
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        reached(first)
        result = original(*args, **kwargs)
        reached(then)
        return result

    setattr(owner, name, call)


def install() -> None:
    # Django's stubs leave out what is private.
    wrapper: Any = BaseDatabaseWrapper
    commit = wrapper._commit

    def commit_between_points(connection: BaseDatabaseWrapper) -> Any:
        kind = thread_kind()
        reached(f"before-commit-of-{kind}")
        result = commit(connection)
        reached(f"after-commit-of-{kind}")
        return result

    replace(wrapper, "_commit", commit_between_points)
    before(CommitHooks, "events_committed", lambda hooks, records: "between-commit-and-ring")
    before(Layer, "announce", lambda layer, records: "between-ring-and-letter")
    before(FileManager, "put", lambda *args, **kwargs: "between-bytes-and-row")
    around(TokenFamilyManager, "rotate", "before-refresh", "after-refresh")
    # A call that is executing has had its frame said; the tool's own code runs between these two.
    before(
        RunWriter,
        "tool_call",
        lambda writer, **call: {"completed": "before-output-of-call"}.get(call["status"]),
    )
    said = RunWriter.tool_call

    async def say_and_pass(writer: RunWriter, **call: Any) -> None:
        await said(writer, **call)
        if call["status"] == "executing":
            await writer.flush()
            reached("between-call-and-output")

    replace(RunWriter, "tool_call", say_and_pass)
