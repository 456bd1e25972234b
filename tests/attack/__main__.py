"""Runs the attacks and prints what held. Exit status 1 if anything did not."""

import sys
from collections import Counter

import pytest

from tests.attack.classes import CLASSES


class Tally:
    """Counts what became of each test, by its class."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.held: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = class_of(report.nodeid)
        if report.when == "call" and not report.skipped:
            self.tried[name] += 1
            self.held[name] += report.passed
        elif report.failed:  # before it could try, or after
            self.tried[name] += 1


def class_of(nodeid: str) -> str:
    return next(name for name, places in CLASSES.items() if any(nodeid.startswith(place) for place in places))


def asked_for() -> list[str]:
    """Each test once: a part of a file that is there as a whole need not be named."""
    places = list(dict.fromkeys(place for places in CLASSES.values() for place in places))
    return [place for place in places if "::" not in place or place.partition("::")[0] not in places]


def main() -> int:
    tally = Tally()
    status = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *sys.argv[1:], *asked_for()], plugins=[tally])
    width = max(map(len, CLASSES))
    print(f"\n{'class':<{width}}  tries   held")
    for name in CLASSES:
        print(f"{name:<{width}}  {tally.tried[name]:>5}  {tally.held[name]:>5}")
    print(f"{'all':<{width}}  {tally.tried.total():>5}  {tally.held.total():>5}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
