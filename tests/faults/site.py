"""A site to attack: servers that die at named points or have bugs, and a PostgreSQL and a Redis of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.figures import Figures
from tests.faults.planted import Switches
from tests.harness import services
from tests.harness.provider import Provider
from tests.harness.server import Site


class FaultySite(Site):
    postgres: services.Postgres
    redis: services.Redis

    def __init__(self, profile: str, provider: Provider, processes: int = 0, **environment: str) -> None:
        self.provider = provider
        self.several = profile == "postgres"
        if self.several:
            self.postgres, self.redis = services.Postgres(), services.Redis()
            environment |= {"DATABASE_URL": self.postgres.create_database(), "REDIS_URL": self.redis.url}
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


@contextmanager
def faulty_site(profile: str, processes: int = 0, **environment: str) -> Iterator[FaultySite]:
    with Provider() as provider, FaultySite(profile, provider, processes, **environment) as site:
        yield site


def note_refusals(site: FaultySite, figures: Figures) -> None:
    """What the strict provider would not take is a history that was not whole."""
    violations, site.provider.violations = site.provider.violations, []
    for violation in violations:
        figures.found("refused by the provider", violation)
