"""Changes a server from outside: nothing of what tests need inside one is in the product.

A server is started with `python_path(directory)`, where a `sitecustomize.py` calls `after_loading`. Once the server's
modules are loaded, and before it serves, the `install()` of each named module puts into them what the test wants.
"""

import importlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LAST_LOADED = "chatjuicer.asgi"


class AfterLoading(importlib.abc.MetaPathFinder):
    def __init__(self, *changes: str) -> None:
        self.changes = changes

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != LAST_LOADED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            for change in self.changes:
                importlib.import_module(change).install()

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def after_loading(*changes: str) -> None:
    """`changes` are modules with an `install()`, called in this order."""
    sys.meta_path.insert(0, AfterLoading(*changes))


def python_path(directory: Path) -> str:
    return os.pathsep.join([str(directory), str(ROOT)])
