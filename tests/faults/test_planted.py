"""The checkers are checked: each bug, planted in a running server, is found by the tool that should find it.

The bugs are in planted/bugs.py. A server without them passes the same tool in test_tools.py.
"""

import random
import re

import pytest

from tests.acceptance.devices import WAITING, decide_all, five_devices, settled
from tests.faults import durability, outages, page, pagetruth, points, resumes, stops
from tests.faults.figures import Figures
from tests.faults.ledger import promises_kept
from tests.faults.page import PageBug
from tests.faults.pageperson import Act, Person
from tests.faults.site import FaultySite, is_crash

single = pytest.mark.only("sqlite", reason="what is checked is the checker")
several = pytest.mark.only("postgres", reason="the bug is in what several processes tell each other")


LOG_DIFFERS = r"missing: .*: not what the log has$"


def assert_found(site: FaultySite, bug: str, figures: Figures, finding: str) -> None:
    """The bug came into play, and what was found is what it breaks; that it crashed would be found too."""
    assert site.switches.came_into_play(bug), figures.line()
    assert site.crashes() == []
    assert any(re.match(finding, problem) for problem in figures.problems), (figures.line(), figures.problems)


@single
async def test_an_event_dropped_in_ten_thousand_is_found(site: FaultySite) -> None:
    for seed in range(1, 4):
        figures = await resumes.attack(site, resumes=480, seed=seed, live=0, bug="drop-one-in-10000")
        if not figures.kept:
            break
    assert_found(site, "drop-one-in-10000", figures, LOG_DIFFERS)


@single
async def test_a_rejoin_that_reads_before_it_subscribes_is_found(site: FaultySite) -> None:
    for seed in range(4):  # a resume must fall into the moment between the two
        figures = await resumes.attack(site, resumes=60, seed=seed, live=4, bug="read-before-subscribe")
        site.switches.mend()
        if not figures.kept:
            break
    assert_found(site, "read-before-subscribe", figures, LOG_DIFFERS)


@single
async def test_accepted_before_the_commit_is_found(site: FaultySite) -> None:
    site.switches.plant("accept-before-commit")
    figures = Figures("points")
    for _ in range(3):  # the first commit to come may be a lease's
        if figures.kept:
            await points.do_and_die(site, "before-commit-of-journal", points.Say, random.Random(1), figures)
    assert_found(site, "accept-before-commit", figures, "lost: an accepted message")


@single
@pytest.mark.timing(reason="something must be said in the moment in which a stop commits")
async def test_a_late_write_that_is_not_fenced_is_found(site: FaultySite) -> None:
    site.switches.plant("late-write-not-fenced")
    for seed in range(4):  # something must be said while the stop commits
        figures = await stops.attack(site, stops=40, seed=seed, together=6)
        if not figures.kept:
            break
    finding = r"without one end: |lost: .*: the kept text is not what was said"
    assert_found(site, "late-write-not-fenced", figures, finding)


@several
async def test_a_layer_that_is_believed_to_lose_nothing_is_found(site: FaultySite) -> None:
    site.switches.plant("layer-is-believed")
    for seed in range(3):  # an answer must be given meanwhile
        figures = await outages.attack(site, 1, seed=seed, sessions=6, which=(outages.redis_killed,))
        if not figures.kept:
            break
    assert_found(site, "layer-is-believed", figures, r"missing: .*: who stayed at ")


async def test_a_commit_that_does_not_wait_for_the_disk_is_found(site: FaultySite) -> None:
    site.switches.plant("synchronous-off")
    figures = await durability.attack(site, conversations=2, seed=1)
    finding = r"not durable: not (PRAGMA synchronous=0|SHOW synchronous_commit=off)"
    assert_found(site, "synchronous-off", figures, finding)
    site.switches.mend()
    figures = await durability.attack(site, conversations=2, seed=1)
    assert figures.kept and figures.done["commits"], figures.line()


@single
async def test_a_message_that_is_taken_twice_is_found(site: FaultySite) -> None:
    site.switches.plant("names-are-forgotten")
    figures = await page.attack(site, 6, seed=1, which=page.lose_a_word, acts={Person.write: 1})
    assert_found(site, "names-are-forgotten", figures, r"twice: mark\w+, 2 times: sent ")


@single
async def test_a_page_that_forgets_what_is_unsent_is_found(site: FaultySite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagetruth, "QUIET_S", 12.0)  # what is forgotten waits for ever
    bug = PageBug("clients/js/src/unsentmessages.js", "return kept\n", "return []\n")
    acts: dict[Act, int] = {Person.write: 3, Person.reload: 1}
    found: list[str] = []
    for seed in range(1, 4):  # something must be written while the network is cut, and be forgotten before it is back
        figures = await page.attack(site, 6, seed=seed, bug=bug, which=page.cut_network, acts=acts)
        found += figures.problems
        if any(re.match(r"lost: mark\w+: sent ", problem) for problem in found):
            return
    raise AssertionError(found)


@single
async def test_a_list_that_is_not_the_servers_is_found(site: FaultySite) -> None:
    right = 'compared(b.last_used_at ?? "", a.last_used_at ?? "")'
    bug = PageBug("chat_app/static/chat/sessionlist.js", right, f"-{right}")
    acts: dict[Act, int] = {Person.write: 2, Person.begin_chat: 1}
    figures = await page.attack(site, 1, seed=1, bug=bug, which=page.cut_network, acts=acts)
    assert any(problem.startswith("missing: the list has ") for problem in figures.problems), figures.problems


@single
async def test_a_question_of_which_no_device_is_told_is_found(site: FaultySite) -> None:
    site.switches.plant("questions-are-not-told")
    async with five_devices(site, seed=1) as devices:
        await devices[0].ask()
        with pytest.raises(AssertionError, match=r"'state': \('running', 'awaiting_approval'\)"):
            await settled(devices, "idle", WAITING, within_s=3)
        assert site.switches.came_into_play("questions-are-not-told")
        site.switches.mend()
        await decide_all(devices)
        await settled(devices, "idle")


@pytest.mark.parametrize(
    ("log", "promise"),
    [
        ([(1, "stream_start"), (3, "stream_end")], "missing"),
        ([(1, "stream_start"), (1, "stream_end")], "twice"),
        ([(1, "stream_start")], "without one end"),
        ([(1, "stream_start"), (2, "stream_end"), (3, "delta")], "without one end"),
        ([(1, "stream_start"), (2, "stream_end"), (3, "stream_end")], "without one end"),
    ],
)
def test_the_ledger_sees_each_broken_promise(log: list[tuple[int, str]], promise: str) -> None:
    assert promises_kept([{"seq": seq, "type": type, "run_id": "run"} for seq, type in log])[promise]


@pytest.mark.parametrize(
    ("line", "crash"),
    [
        ('{"message": "x", "exception": "AttributeError", "stack": ["/here/chat_app/delivery/hub.py:1 follow"]}', True),
        ('{"message": "x", "exception": "TypeError", "stack": ["/usr/lib/python3.11/asyncio/tasks.py:9 w"]}', True),
        ("NameError: name 'channel' is not defined", True),
        (
            '{"message": "x", "exception": "AttributeError", "stack": ["/a/site-packages/redis/client.py:1 send"]}',
            False,
        ),
        ('{"message": "layer: requests to the channel layer that failed: 1 (AttributeError)"}', False),
        ('{"message": "x", "exception": "ConnectionError", "stack": ["/here/chat_app/log/journal.py:1 write"]}', False),
    ],
)
def test_a_crash_is_known_by_the_place_that_raised_it(line: str, crash: bool) -> None:
    assert is_crash(line) is crash
