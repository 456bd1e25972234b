"""A site to attack: servers that die at named points or have bugs, and a PostgreSQL and a Redis of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.figures import Figures
from tests.faults.planted import Switches
from tests.harness import services
from tests.harness.provider import Provider
from tests.harness.server import Site

UNFOLDED_S = 86_400
"""Longer than an attack: the number of each event is held against the one before, and a folded row has one for many."""

# What a bug that was planted carelessly would raise.
CRASHES = ("AttributeError", "NameError", "TypeError")


class FaultySite(Site):
    postgres: services.Postgres
    redis: services.Redis

    def __init__(self, profile: str, provider: Provider, processes: int = 0, **environment: str) -> None:
        self.provider = provider
        self.several = profile == "postgres"
        if self.several:
            self.postgres, self.redis = services.Postgres(), services.Redis()
            environment |= {"DATABASE_URL": self.postgres.create_database(), "REDIS_URL": self.redis.url}
        environment = {"FOLD_AFTER_S": str(UNFOLDED_S)} | environment
        super().__init__("sqlite", provider.url, processes or 1 + self.several, **environment)
        self.profile = profile
        self.switches = Switches(self.directory / "switches")
        for server in self.servers:
            server.environment |= self.switches.environment

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if self.several:
            self.postgres.discard()
            self.redis.discard()

    def dead(self) -> list[int]:
        """Which servers are not running."""
        return [
            number
            for number, server in enumerate(self.servers)
            if server.process is None or server.process.poll() is not None
        ]

    def crashes(self) -> list[str]:
        """The lines of the servers' logs that tell of a mistake in code of this repository.

        What a library raises and the product survives is none: redis-py, whose subscribing and receiving tasks share a
        connection, meets its own AttributeError where Redis goes away in between.
        """
        return [line for line in self.logs().splitlines() if is_crash(line)]


def is_crash(line: str) -> bool:
    if not line.startswith("{"):  # a traceback that no logger was given
        return re.match(rf"({'|'.join(CRASHES)})\b", line) is not None
    told = json.loads(line)
    return told.get("exception") in CRASHES and "site-packages" not in told["stack"][-1]


@contextmanager
def faulty_site(profile: str, processes: int = 0, **environment: str) -> Iterator[FaultySite]:
    with Provider(remembers=100) as provider, FaultySite(profile, provider, processes, **environment) as site:
        yield site


def note_refusals(site: FaultySite, figures: Figures) -> None:
    """What the strict provider would not take is a history that was not whole."""
    violations, site.provider.violations = site.provider.violations, []
    for violation in violations:
        figures.found("refused by the provider", violation)
