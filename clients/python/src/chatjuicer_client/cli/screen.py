"""What is written where: answers to the standard output, all else to the standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from io import TextIOWrapper
from typing import Any

# What a terminal obeys, and a model or another person must not say to it.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Screen:
    """`as_json`: one JSON object a line, for programs; then notes are left out."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.is_terminal = sys.stdout.isatty()
        # What an old terminal's character set lacks is a "?" there, and costs nobody the rest of an answer.
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        self._coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        self._at_line_start = True

    def write(self, text: str) -> None:
        """A piece of an answer, at once."""
        if text:
            sys.stdout.write(_CONTROLS.sub("", text) if self.is_terminal else text)
            sys.stdout.flush()
            self._at_line_start = text.endswith("\n")

    def end_line(self) -> None:
        if not self._at_line_start:
            self.write("\n")

    def line(self, text: str) -> None:
        self.write(f"{text}\n")

    def object(self, value: Any) -> None:
        self.write(json.dumps(value, ensure_ascii=sys.stdout.encoding.lower() != "utf-8") + "\n")

    def note(self, text: str) -> None:
        if not self.as_json:
            self._to_error(text, "2")

    def failure(self, text: str) -> None:
        self._to_error(text, "31")

    def progress(self, done: int, total: int | None) -> None:
        if sys.stderr.isatty() and not self.as_json:
            said = f"{100 * done // total} %" if total else f"{done / 1e6:.1f} MB"
            sys.stderr.write(f"\r{said:<10}" + ("\r" if done == total else ""))
            sys.stderr.flush()

    def _to_error(self, text: str, colour: str) -> None:
        if self.is_terminal:
            self.end_line()
        text = _CONTROLS.sub("", text)
        sys.stderr.write(f"\x1b[{colour}m{text}\x1b[0m\n" if self._coloured else f"{text}\n")
        sys.stderr.flush()
