"""Sites that are shared by all tests that ask for the same."""

from tests.harness.databases import Environment
from tests.harness.provider import Provider
from tests.harness.server import Site

# Short enough that a test can wait for them, long enough for a busy machine.
TIMES = {"LEASE_S": "4", "SHUTDOWN_GRACE_S": "1", "MODEL_STALL_TIMEOUT_S": "4", "MODEL_PATIENCE_S": "3"}


class Sites:
    """Started when they are first asked for."""

    def __init__(self, profile: str, provider: Provider) -> None:
        self.profile = profile
        self.provider = provider
        self._running: dict[tuple[int, bool, frozenset[tuple[str, str]]], Site] = {}

    def get(self, environment: Environment | None = None, *, processes: int = 0, demo: bool = False) -> Site:
        """The one with this environment, in which the provider answers or, as `demo`, the offline model."""
        key = (processes if self.profile == "postgres" else 0, demo, frozenset((environment or {}).items()))
        if key not in self._running:
            self._running[key] = self.own(environment, processes=processes, demo=demo).__enter__()
        return self._running[key]

    def own(self, environment: Environment | None = None, *, processes: int = 0, demo: bool = False) -> Site:
        """One that nobody shares; whoever asks starts and stops it by `with`."""
        return Site(self.profile, "" if demo else self.provider.url, processes, **(environment or {}))

    def stop(self, kept: Environment | None = None) -> None:
        """All but those with the environment that is `kept`."""
        for key in list(self._running):
            if kept is None or key[2] != frozenset(kept.items()):
                self._running.pop(key).__exit__()
