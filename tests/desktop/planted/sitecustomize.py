"""Run by every Python whose PYTHONPATH names this directory, and only the servers of tests/desktop are started so.

Once the server's modules are loaded, and before it serves, it puts `changes` into them.
"""

import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

LAST_LOADED = "chatjuicer.asgi"


class AfterLoading(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != LAST_LOADED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            from tests.desktop.planted import changes

            changes.install()

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, AfterLoading())
