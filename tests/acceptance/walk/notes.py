"""In the server: each function of a walk notes its first call after the walk has begun.

It begins with its first function, once there is a file `begin`: the others are called for much else.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "WALK_DIRECTORY"
_lock = threading.Lock()
_noted: dict[str, list[str]] = {"message": [], "delta": []}


def install() -> None:
    for walk in _noted:
        first, *others = (Path(os.environ[VARIABLE]) / walk).read_text().split()
        wrap(walk, first, begins=True)
        for hop in others:
            wrap(walk, hop)


def wrap(walk: str, hop: str, *, begins: bool = False) -> None:
    """`hop` is `path/of/module.py:function` or `path/of/module.py:Class.method`."""
    path, _, name = hop.partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    *outer, last = name.split(".")
    owner: Any = functools.reduce(getattr, outer, module)
    original = vars(owner)[last]
    noting = with_note(walk, hop, begins, original.__func__ if isinstance(original, staticmethod) else original)
    if outer:
        setattr(owner, last, staticmethod(noting) if isinstance(original, staticmethod) else noting)
        return
    # Whoever has imported the function by its name has a name of its own for it.
    for other in list(sys.modules.values()):
        for key, value in list(getattr(other, "__dict__", {}).items()):
            if value is original:
                setattr(other, key, noting)


def with_note(walk: str, hop: str, begins: bool, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        note(walk, hop, begins)
        return original(*args, **kwargs)

    return call


def note(walk: str, hop: str, begins: bool) -> None:
    directory, noted = Path(os.environ[VARIABLE]), _noted[walk]
    with _lock:
        if hop in noted or not (noted or begins) or not (directory / "begin").exists():
            return
        noted.append(hop)
        with (directory / f"{walk}-noted").open("a") as notes:
            notes.write(f"{hop}\n")
