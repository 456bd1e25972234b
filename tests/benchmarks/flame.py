"""Runs a Python program with a sampler beside it, and writes collapsed stacks: one line a stack, `a;b;c 17` with
microseconds of processor time, for any flame graph viewer. SIGUSR1 begins the count anew, SIGUSR2 writes the file.

    python -m tests.benchmarks.flame FILE manage.py serve
"""

import runpy
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.001
# How soon a thread that works lets the sampler look. With the usual 5 ms it would look only where threads wait.
SWITCH_S = 0.00001


class Sampler(threading.Thread):
    """Counts the microseconds of processor time that each thread has used since the last look, to where it is now."""

    def __init__(self, file: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._file = file
        self._stacks: Counter[str] = Counter()
        self._used_s: dict[int, float] = {}

    def run(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        while True:
            time.sleep(EVERY_S)
            frames = sys._current_frames()
            for thread in threading.enumerate():
                if thread is not self and thread.ident in frames:
                    self._count(thread, frames[thread.ident])

    def _count(self, thread: threading.Thread, frame: FrameType) -> None:
        assert thread.ident is not None
        used_s = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        micros = round((used_s - self._used_s.get(thread.ident, used_s)) * 1e6)
        self._used_s[thread.ident] = used_s
        if micros:
            self._stacks[f"{thread.name.rstrip('0123456789_')};{stack_of(frame)}"] += micros

    def clear(self, *_: object) -> None:
        self._stacks.clear()

    def write(self, *_: object) -> None:
        lines = (f"{stack} {count}\n" for stack, count in self._stacks.copy().most_common())
        part = self._file.with_suffix(".part")
        part.write_text("".join(lines))
        part.replace(self._file)  # whoever waits for it finds all of it


def stack_of(frame: FrameType | None) -> str:
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        names.append(f"{Path(code.co_filename).stem}.{code.co_name}")
        frame = frame.f_back
    return ";".join(reversed(names))


def main() -> None:
    file, program, *arguments = sys.argv[1:]
    sampler = Sampler(Path(file))
    signal.signal(signal.SIGUSR1, sampler.clear)
    signal.signal(signal.SIGUSR2, sampler.write)
    sampler.start()
    sys.argv = [program, *arguments]
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
