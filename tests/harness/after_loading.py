"""Changes a server from outside: nothing of what tests need inside one is in the product.

A server is started with `python_path(directory)`, where a `sitecustomize.py` calls `after_loading`. Once the server's
modules are loaded, and before it serves, the `install()` of each named module puts into them what the test wants.
"""

import importlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LAST_LOADED = "chatjuicer.asgi"


class Around(importlib.abc.MetaPathFinder):
    """Once, when the named module is loaded: `load(what)` in the place of `what()`, which loads it."""

    def __init__(self, name: str, load: Callable[[Callable[[], None]], None]) -> None:
        self.name, self.load = name, load

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: self.load(lambda: load(module))  # type: ignore[method-assign]
        return spec


def after_loading(*changes: str) -> None:
    """`changes` are modules with an `install()`, called in this order."""

    def load_and_change(load: Callable[[], None]) -> None:
        load()
        for change in changes:
            importlib.import_module(change).install()

    around_loading(LAST_LOADED, load_and_change)


def around_loading(name: str, load: Callable[[Callable[[], None]], None]) -> None:
    """`load` is called with what loads the module of that name, when somebody imports it."""
    sys.meta_path.insert(0, Around(name, load))


def python_path(directory: Path) -> str:
    return os.pathsep.join([str(directory), str(ROOT)])
