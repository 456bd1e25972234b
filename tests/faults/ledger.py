"""What must be true of a session's log, and when two logs say the same."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from tests.harness.client import Frame

TEXT = {"delta": "content", "reasoning_delta": "content", "tool_call_arguments_delta": "delta"}
ENVELOPE = {"seq", "at"}


class Fold:
    """What frames say, the same however consecutive pieces of one text are cut; of them only the last is kept."""

    def __init__(self, frames: Iterable[Frame] = ()) -> None:
        self.last_seq = self.count = 0
        self._said = hashlib.sha256()
        self._last: Frame = {}
        self.add(frames)

    def add(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self.last_seq, self.count = frame["seq"], self.count + 1
            text = TEXT.get(frame["type"])
            plain = {key: value for key, value in frame.items() if key not in ENVELOPE}
            if text and all(self._last.get(key) == value for key, value in plain.items() if key != text):
                self._last[text] += plain[text]
            else:
                self._said.update(said(self._last))
                self._last = plain
            self._last["last_seq"] = frame["seq"]

    @property
    def digest(self) -> bytes:
        so_far = self._said.copy()
        so_far.update(said(self._last))
        return so_far.digest()


def folded(frames: Iterable[Frame]) -> bytes:
    return Fold(frames).digest


def said(frame: Frame) -> bytes:
    return json.dumps(frame, sort_keys=True).encode()


def promises_kept(events: list[Frame], after: int = 0) -> Counter[str]:
    """How often the log above `after` breaks a promise: {"missing" | "twice" | "without one end": times}."""
    broken: Counter[str] = Counter()
    last = after
    open_run: str | None = None
    ended: set[str] = set()
    for event in events:
        broken["twice"] += event["seq"] <= last
        broken["missing"] += event["seq"] > last + 1
        last = event["seq"]
        run_id = event["run_id"]
        if event["type"] == "stream_start":
            broken["without one end"] += open_run is not None
            open_run = run_id
        elif event["type"] == "stream_end":
            broken["without one end"] += open_run != run_id
            open_run = None
            ended.add(run_id)
        elif run_id in ended:
            broken["without one end"] += 1  # something of the run comes after its end
    broken["without one end"] += open_run is not None
    return broken
