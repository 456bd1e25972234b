"""What the provider is to answer, as the last user message says it.

A message is a script when every line of it (``;`` separates too) is one of these directives; any other text
is answered with ``You said: <text>``. Of several turns in one message, with blank lines between them, the last one
counts; what stands in brackets is a note, and passed over.

=========================  ===================================================================================
``say N words``            N words, ``word1 word2 … wordN``
``blocks N of S``          N words of S characters each
``stamp N``                N words, each the time.monotonic_ns() at which it was written
``echo TEXT``              TEXT, word by word
``empty``                  a response without any output
``emoji N``                N emoji, each cut in two: one half of it in an event, the other in the next
``reasoning N``            a reasoning summary of N words first (N defaults to 5)
``tool NAME {json}``       a function call; several are made one turn after another
``together``               all the calls in one turn
``pace R``                 R words a second (default: as fast as the socket takes them)
``wait S``                 S seconds before the first word
``fail STATUS [N times]``  an HTTP error instead of an answer, always or for the first N requests
``retry after S``          that error carries ``Retry-After: S``
``refuse NAME``            an error of rules.REFUSALS, in the words of the provider that it is named after
``hang``                   no answer at all, not even a status line
``FAULT after N``          after N words of text: ``reset`` (RST), ``close`` (no end of the answer), ``hang``,
                           ``pings`` (nothing but keep-alive comments),
                           ``malformed`` (broken JSON), ``error`` (the API's own error event), ``length``
                           (the token limit), ``gate NAME`` (waits until the test opens the gate)
``FAULT in call``          the same in the middle of a function call's arguments
=========================  ===================================================================================
"""

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

FAULTS = ("reset", "close", "hang", "pings", "malformed", "error", "length")

HALVES = ("\ud83d", "\ude00")  # of one emoji, as a server sends it that counts UTF-16


@dataclass(slots=True)
class Call:
    name: str
    arguments: str


@dataclass(slots=True)
class Fault:
    kind: str
    after: int = 0
    in_call: bool = False
    gate: str = ""


@dataclass(slots=True)
class Script:
    words: int = 0
    word_chars: int = 0
    """0: as `wordN` has."""
    stamped: bool = False
    text: str = ""
    emoji: int = 0
    empty: bool = False
    reasoning: int = 0
    calls: list[Call] = field(default_factory=list)
    together: bool = False
    pace: float = 0
    wait_s: float = 0
    status: int = 0
    status_times: int = 0
    """0: every time."""
    retry_after_s: float | None = None
    refusal: str = ""
    silent: bool = False
    faults: list[Fault] = field(default_factory=list)

    def tokens(self) -> Iterator[str]:
        if self.stamped:
            for number in range(self.words):
                yield f"{' ' if number else ''}{time.monotonic_ns()}"
        elif self.word_chars:
            yield from itertools.repeat(f"{'x' * (self.word_chars - 1)} ", self.words)
        elif self.emoji:
            for _ in range(self.emoji):
                yield from HALVES
        elif self.words:
            for number in range(1, self.words + 1):
                yield f"word{number}" if number == 1 else f" word{number}"
        else:
            yield from re.findall(r"\s*\S+|\s+$", self.text)

    def calls_of_turn(self, turn: int) -> list[Call]:
        """The calls to make when `turn` calls of this script have been answered already."""
        return self.calls[turn:] if self.together else self.calls[turn : turn + 1]


def parse(text: str) -> Script:
    script = Script()
    said = [turn for turn in text.split("\n\n") if not re.fullmatch(r"\[.*\]", turn.strip())]
    for line in re.split(r"[;\n]", said[-1] if said else ""):
        if line.strip() and not _directive(script, line.strip()):
            return Script(text=f"You said: {text}")
    if not (script.words or script.emoji or script.text or script.empty):
        script.text = "All right."
    return script


def _directive(script: Script, line: str) -> bool:
    for pattern, apply in _GRAMMAR:
        if found := re.fullmatch(pattern, line, re.DOTALL):
            apply(script, *found.groups())
            return True
    return False


def _say(script: Script, count: str) -> None:
    script.words = int(count)


def _blocks(script: Script, count: str, chars: str) -> None:
    script.words, script.word_chars = int(count), int(chars)


def _stamp(script: Script, count: str) -> None:
    script.words, script.stamped = int(count), True


def _echo(script: Script, text: str) -> None:
    script.text = text


def _emoji(script: Script, count: str) -> None:
    script.emoji = int(count)


def _empty(script: Script) -> None:
    script.empty = True


def _reasoning(script: Script, count: str | None) -> None:
    script.reasoning = int(count or 5)


def _tool(script: Script, name: str, arguments: str | None) -> None:
    script.calls.append(Call(name, arguments or "{}"))


def _together(script: Script) -> None:
    script.together = True


def _pace(script: Script, rate: str) -> None:
    script.pace = float(rate)


def _wait(script: Script, seconds: str) -> None:
    script.wait_s = float(seconds)


def _fail(script: Script, status: str, times: str | None) -> None:
    script.status, script.status_times = int(status), int(times or 0)


def _retry_after(script: Script, seconds: str) -> None:
    script.retry_after_s = float(seconds)


def _refuse(script: Script, name: str) -> None:
    script.refusal = name


def _silent(script: Script) -> None:
    script.silent = True


def _fault(script: Script, kind: str, gate: str | None, after: str | None) -> None:
    script.faults.append(Fault(kind.split(maxsplit=1)[0], int(after or 0), after is None, gate or ""))


_GRAMMAR = (
    (r"say (\d+)(?: words?)?", _say),
    (r"blocks (\d+) of (\d+)", _blocks),
    (r"stamp (\d+)", _stamp),
    (r"echo (.+)", _echo),
    (r"emoji (\d+)", _emoji),
    (r"empty", _empty),
    (r"reasoning(?: (\d+))?", _reasoning),
    (r"tool ([A-Za-z0-9_-]+)(?: (\{.*\}))?", _tool),
    (r"together", _together),
    (r"pace ([\d.]+)", _pace),
    (r"wait ([\d.]+)", _wait),
    (r"fail (\d{3})(?: (\d+) times?)?", _fail),
    (r"retry after ([\d.]+)", _retry_after),
    (r"refuse ([a-z_]+)", _refuse),
    (r"hang", _silent),
    (rf"({'|'.join(FAULTS)}|gate (\w+)) (?:after (\d+)(?: words?)?|in call)", _fault),
)
