"""A short version of each attack; `make faults` is the long one."""

import pytest

from tests.faults import clocks, kills, outages, page, points, resumes, rolling, stops, storms, upgrade
from tests.faults.figures import Figures
from tests.faults.site import FaultySite

several = pytest.mark.only("postgres", reason="needs PostgreSQL and Redis")
single = pytest.mark.only("sqlite", reason="SQLite's own trouble")


def assert_kept(figures: Figures, *done: str) -> None:
    print(figures.line())
    assert figures.kept, "\n".join([figures.line(), *figures.problems[:20]])
    for what in done:
        assert figures.done[what], figures.line()


@pytest.mark.timing(reason="a lease of a killed process runs out under load")
async def test_promises_survive_a_kill(site: FaultySite) -> None:
    assert_kept(await kills.attack(site, kills=1, seed=1, sessions=6), "kills", "accepted")


async def test_promises_survive_a_kill_at_a_named_point(site: FaultySite) -> None:
    assert_kept(await points.attack(site, kills=2, seed=1, sessions=3), "kills")


@pytest.mark.timing(reason="a lease of a killed process runs out under load")
async def test_promises_survive_clocks_that_jump(site: FaultySite) -> None:
    figures = await clocks.attack(site, jumps=6, seed=1, sessions=4, kill_after=3)
    assert_kept(figures, "jumps back", "kills", "events before their forerunners")


async def test_a_stop_works_at_any_instant_from_anywhere(site: FaultySite) -> None:
    assert_kept(await stops.attack(site, stops=18, seed=1, together=6), "stops", "one key at once")


async def test_a_client_resumes_with_any_cursor_at_any_process(site: FaultySite) -> None:
    assert_kept(await resumes.attack(site, resumes=60, seed=1, live=2), "resumes")


@pytest.mark.timing(reason="the grace of a leaving process is measured under load")
async def test_nobody_sees_that_a_process_is_replaced(site: FaultySite) -> None:
    assert_kept(await rolling.attack(site, stops=1, seed=1, sessions=6), "restarts")


@pytest.mark.timing(reason="clients wait for processes of two versions, which are started under load")
async def test_nobody_sees_an_upgrade(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "TALKING_S", 1.0)
    if not upgrade.has_history():
        pytest.skip("the version before is in the repository's history, which is not here")
    with upgrade.upgradable_site(profile) as (site, before):
        figures = await upgrade.attack(site, before, rounds=1, seed=1, sessions=6)
    assert_kept(figures, "migrated", "upgraded", "taken back", "accepted")


@pytest.mark.timing(reason="requests and pauses are measured under load")
async def test_slow_and_hasty_clients_harm_nobody(site: FaultySite) -> None:
    paced, flood = "stamp 40; pace 80", "say 8000 words"
    figures = await storms.attack(site, slow=10, seed=1, paced=paced, flood=flood, rounds=1, times=2)
    assert_kept(figures, "slow readers", "requests cut")


@pytest.mark.timing(reason="the page waits for a server that comes back")
async def test_what_is_written_in_the_page_survives_a_kill(site: FaultySite) -> None:
    assert_kept(await page.attack(site, 1, seed=1), "kills", "sent", "texts", "answers")


@pytest.mark.timing(reason="how long clients wait for a server that comes back")
@several
async def test_promises_survive_the_loss_of_redis(site: FaultySite) -> None:
    which = (outages.redis_restarted, outages.redis_flushed)
    assert_kept(await outages.attack(site, 2, seed=1, sessions=4, which=which), "redis restarted")


@pytest.mark.timing(reason="how long clients wait for a server that comes back")
@several
async def test_promises_survive_a_restart_of_postgresql(site: FaultySite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "CRASHED_S", 4)  # longer than a lease
    which = (outages.postgres_crashed, outages.pool_exhausted)
    assert_kept(await outages.attack(site, 2, seed=1, sessions=4, which=which), "postgres crashed")


@single
async def test_promises_survive_a_full_disk(site: FaultySite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FULL_S", 1)
    assert_kept(await outages.attack(site, 1, seed=1, sessions=4, which=(outages.disk_full,)), "disk full")


@single
async def test_promises_survive_a_locked_database(site: FaultySite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "LOCKED_S", 5)  # longer than a lease
    which = (outages.database_locked,)
    assert_kept(await outages.attack(site, 1, seed=1, sessions=4, which=which), "database locked")
