"""What must be true of a session's log, and when two logs say the same."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from tests.harness.client import Frame

TEXT = {"delta": "content", "reasoning_delta": "content", "tool_call_arguments_delta": "delta"}
ENVELOPE = {"seq", "at"}


def folded(frames: list[Frame]) -> str:
    """A hash of what the frames say, the same however consecutive pieces of one text are cut."""
    said: list[Frame] = []
    for frame in frames:
        text = TEXT.get(frame["type"])
        plain = {key: value for key, value in frame.items() if key not in ENVELOPE}
        if text and said and all(said[-1].get(key) == value for key, value in plain.items() if key != text):
            said[-1][text] += plain[text]
            said[-1]["last_seq"] = frame["seq"]
        else:
            said.append({**plain, "last_seq": frame["seq"]})
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


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
