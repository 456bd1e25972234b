"""A site whose servers can be killed at named points and given bugs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.figures import Figures
from tests.faults.planted import Switches
from tests.harness.provider import Provider
from tests.harness.server import Site


class FaultySite(Site):
    provider: Provider
    switches: Switches

    def __init__(self, profile: str, provider: Provider, processes: int = 0, **environment: str) -> None:
        super().__init__(profile, provider.url, processes, **environment)
        self.provider = provider
        self.switches = Switches(self.directory / "switches")
        for server in self.servers:
            server.environment |= self.switches.environment


@contextmanager
def faulty_site(profile: str, processes: int = 0, **environment: str) -> Iterator[FaultySite]:
    with Provider() as provider, FaultySite(profile, provider, processes, **environment) as site:
        yield site


def note_refusals(site: FaultySite, figures: Figures) -> None:
    """What the strict provider would not take is a history that was not whole."""
    violations, site.provider.violations = site.provider.violations, []
    for violation in violations:
        figures.found("refused by the provider", violation)
