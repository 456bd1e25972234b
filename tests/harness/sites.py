"""Sites that are shared by all tests that ask for the same."""

from tests.harness.databases import Environment
from tests.harness.provider import Provider
from tests.harness.server import Site

# Short enough that a test can wait for them, long enough for a busy machine.
TIMES = {"LEASE_S": "4", "SHUTDOWN_GRACE_S": "1", "MODEL_STALL_TIMEOUT_S": "4", "MODEL_PATIENCE_S": "3"}
KEPT = 2
"""So many are left running for the next file: an idle one takes a percent of a core, and there would be dozens."""


class Sites:
    """Started when they are first asked for."""

    def __init__(self, profile: str, provider: Provider) -> None:
        self.profile = profile
        self.provider = provider
        self._running: dict[tuple[int, bool, frozenset[tuple[str, str]]], Site] = {}

    def get(self, environment: Environment | None = None, *, processes: int = 0, demo: bool = False) -> Site:
        """The one with this environment, in which the provider answers or, as `demo`, the offline model."""
        key = (processes if self.profile == "postgres" else 0, demo, frozenset((environment or {}).items()))
        site = self._running.pop(key, None) or self.own(environment, processes=processes, demo=demo).__enter__()
        self._running[key] = site  # the last one asked for stands last
        return site

    def own(self, environment: Environment | None = None, *, processes: int = 0, demo: bool = False) -> Site:
        """One that nobody shares; whoever asks starts and stops it by `with`."""
        return Site(self.profile, "" if demo else self.provider.url, processes, **(environment or {}))

    def stop(self, kept: int = 0) -> None:
        """All but the last ones asked for."""
        for key in list(self._running)[: len(self._running) - kept]:
            self._running.pop(key).__exit__()
