"""A few short walks of the real client; `make desktop` takes hundreds."""

import pytest

from tests.desktop.dialects import FIRST, SERVED, Dialect
from tests.desktop.walks import ROUND, DesktopSite, Plan, walk
from tests.faults.figures import Figures


def assert_kept(figures: Figures, *done: str) -> None:
    print(figures.line())
    assert figures.kept, "\n".join([figures.line(), *figures.problems[:20]])
    for what in done:
        assert figures.done[what], figures.line()


@pytest.mark.parametrize("dialect", SERVED, ids=lambda dialect: dialect.name)
async def test_no_client_is_left_waiting_by_kills_restarts_and_short_tokens(
    desktop: DesktopSite, dialect: Dialect
) -> None:
    figures = await walk(desktop, Plan(dialect), n=8, seed=1)
    assert_kept(figures, "walks", "answers seen whole", "expiries", "refreshes", "reconnects")


@pytest.mark.only("sqlite", reason="what is checked is the checker")
@pytest.mark.parametrize(
    ("bug", "promise", "often"),
    [
        ("no-idle-end", "stuck", ("lose_network",)),
        ("socket-ends-with-token", "cut off", ("say",)),
        ("replay-revokes", "locked out", ("sleep", "start_again")),
        ("history-has-live", "twice", ("start_again",)),
    ],
)
async def test_what_locked_the_real_client_is_found(
    desktop: DesktopSite, bug: str, promise: str, often: tuple[str, ...]
) -> None:
    desktop.bugs.plant(bug)
    plan = Plan(FIRST, troubles=0, seconds=4.0, often=often)
    for seed in range(24):  # an answer must end, or a token be spent, in the moment that hurts
        figures = await walk(desktop, plan, n=ROUND, seed=seed)
        if figures.broken[promise]:
            break
    assert figures.broken[promise], figures.line()
