"""Runs the attacks and prints what held. Exit status 1 if anything did not, or if of a class all were skipped."""

import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.attack.classes import CLASSES


class Tally:
    """Counts what became of each test, by its class."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.held: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = class_of(report.nodeid)
        if report.skipped:
            self.skipped[name] += 1
        elif report.when == "call":
            self.tried[name] += 1
            self.held[name] += report.passed
        elif report.failed:  # before it could try, or after
            self.tried[name] += 1

    @property
    def untried(self) -> list[str]:
        """What might hold or not: nothing was found out."""
        return [name for name in self.skipped if not self.tried[name]]

    def lines(self) -> Iterator[str]:
        width = max(map(len, CLASSES))
        yield f"{'class':<{width}}  tries     held"
        for name in CLASSES:
            yield f"{name:<{width}}  {self.tried[name]:>5}  {self.held[name] if self.tried[name] else 'not run':>7}"
        yield f"{'all':<{width}}  {self.tried.total():>5}  {self.held.total():>7}"


def class_of(nodeid: str) -> str:
    return next(name for name, places in CLASSES.items() if any(nodeid.startswith(place) for place in places))


def asked_for() -> list[str]:
    """Each test once: a part of a file that is there as a whole need not be named."""
    places = list(dict.fromkeys(place for places in CLASSES.values() for place in places))
    return [place for place in places if "::" not in place or place.partition("::")[0] not in places]


def main() -> int:
    tally = Tally()
    status = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *sys.argv[1:], *asked_for()], plugins=[tally])
    print("", *tally.lines(), sep="\n")
    return int(status) or bool(tally.untried)


if __name__ == "__main__":
    sys.exit(main())
