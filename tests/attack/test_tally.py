from typing import Any, Literal

import pytest

from tests.attack.__main__ import Tally
from tests.attack.classes import CLASSES


def tell(tally: Tally, name: str, outcome: Literal["passed", "failed", "skipped"], when: Any = "call") -> None:
    place = CLASSES[name][0]
    tally.pytest_runtest_logreport(pytest.TestReport(f"{place}::test", (place, 1, "test"), {}, outcome, None, when))


def line_of(tally: Tally, name: str) -> list[str]:
    [line] = [line for line in tally.lines() if line.startswith(f"{name} ")]
    return line.removeprefix(name).split()


def test_what_was_skipped_altogether_has_not_held() -> None:
    tally = Tally()
    for name in ("SSRF", "shares", "tokens"):
        tell(tally, name, "skipped", "setup")
    tell(tally, "shares", "passed")
    tell(tally, "tokens", "failed", "setup")
    tell(tally, "uploads", "passed")
    assert tally.untried == ["SSRF"]
    assert line_of(tally, "SSRF") == ["0", "not", "run"]
    assert line_of(tally, "shares") == line_of(tally, "uploads") == ["1", "1"]
    assert line_of(tally, "tokens") == ["1", "0"]
