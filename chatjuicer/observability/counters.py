"""Counts of what this process has done. Counting is one addition; metrics.py reads them for `GET /metrics`."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_left
from collections import Counter

LAG_SAMPLE_S = 0.25


class Histogram:
    """Written by one thread."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counts:
    def __init__(self) -> None:
        # On the event loop.
        self.frames_out = 0
        self.too_slow = 0
        self.sockets_opened = 0
        self.sockets_resumed = 0
        self.leases_lost = 0
        self.orphans_ended = 0
        self.loop_lag_s = Histogram(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
        # In the journal's thread.
        self.commit_failures = 0
        self.commit_s = Histogram(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
        self.batch_events = Histogram(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
        # In whichever thread starts and ends a run.
        self._lock = threading.Lock()
        self.runs_started = 0
        self.runs_ended: Counter[str] = Counter()

    def run_started(self) -> None:
        with self._lock:
            self.runs_started += 1

    def run_ended(self, status: str) -> None:
        with self._lock:
            self.runs_ended[status] += 1

    def socket_opened(self, resumed: bool) -> None:
        self.sockets_opened += not resumed
        self.sockets_resumed += resumed

    async def watch_lag(self) -> None:
        """Measures how late the loop runs what is due, for as long as the process lives."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SAMPLE_S
            await asyncio.sleep(LAG_SAMPLE_S)
            self.loop_lag_s.observe(max(0.0, loop.time() - due))


counts = Counts()
