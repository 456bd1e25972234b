"""Holds the agent back while a file is there, or keeps it from being loaded; run by every Python whose PYTHONPATH names
this directory."""

import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

VARIABLE = "TESTS_HOLD_AGENT"  # names the file; what it says at its end, if anything, is the error
AGENT = "chat_app.agent.lifecycle"


class Held(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != AGENT:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        load = spec.loader.exec_module

        def hold_and_load(module: ModuleType) -> None:
            held = Path(os.environ[VARIABLE])
            while held.is_file():
                if said := held.read_text():
                    raise ImportError(said)
                time.sleep(0.01)
            load(module)

        spec.loader.exec_module = hold_and_load  # type: ignore[method-assign]
        return spec


if VARIABLE in os.environ:
    sys.meta_path.insert(0, Held())
