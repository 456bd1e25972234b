"""Holds the agent back while a file is there, or keeps it from being loaded; run by every Python whose PYTHONPATH names
this directory."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.harness.after_loading import around_loading

VARIABLE = "TESTS_HOLD_AGENT"  # names the file; what it says at its end, if anything, is the error
AGENT = "chat_app.agent.lifecycle"


def hold_and_load(load: Callable[[], None]) -> None:
    held = Path(os.environ[VARIABLE])
    while held.is_file():
        if said := held.read_text():
            raise ImportError(said)
        time.sleep(0.01)
    load()


if VARIABLE in os.environ:
    around_loading(AGENT, hold_and_load)
