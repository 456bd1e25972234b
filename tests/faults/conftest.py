"""One site for all short attacks; every test finds its servers running, without bugs, and nothing armed."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.acceptance.devices import ASKS
from tests.faults.outages import POOL, small_disk
from tests.faults.site import FaultySite, faulty_site

TIMES = {"LEASE_S": "3", "SHUTDOWN_GRACE_S": "3", "DATABASE_POOL_MAX": str(POOL), **ASKS}


@pytest.fixture(scope="package")
def the_site(profile: str) -> Iterator[FaultySite]:
    with small_disk() if profile == "sqlite" else nullcontext() as disk:
        data = {"DATA_DIR": str(disk)} if disk else {}
        with faulty_site(profile, 0, **TIMES, **data) as site:
            yield site


@pytest.fixture
def site(the_site: FaultySite) -> Iterator[FaultySite]:
    for number in the_site.dead():
        the_site.servers[number].restart()
    yield the_site
    the_site.switches.mend()
    the_site.switches.disarm()
    the_site.switches.set_clocks_right()
