"""What a plan takes away is enough, keeps what must be kept, and never splits a call from its result."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat_app.window.held import Held, Row
from chat_app.window.plan import Limits, exchanges, level, plan
from chat_app.window.shorten import limit_of
from sessions_app.models import Compaction

LIMITS = Limits(window=4_000, trigger=3_200, fixed=1_600)


def held_of(exchanges_: list[tuple[int, list[int], int]]) -> Held:
    """Each exchange: tokens of what a person said, of each result, of the answer."""
    items: list[tuple[dict[str, Any], int]] = []
    for asked, results, answered in exchanges_:
        items.append(({"role": "user", "content": "x"}, asked))
        for size in results:
            call_id = f"call_{len(items)}"
            items.append(({"type": "function_call", "call_id": call_id, "name": "read", "arguments": "{}"}, 20))
            items.append(({"type": "function_call_output", "call_id": call_id, "output": "y"}, size))
        items.append(({"role": "assistant", "content": "z"}, answered))
    return Held(None, [Row(n, n, item, tokens) for n, (item, tokens) in enumerate(items, 1)])


def pinned_in(held: Held, numbers: set[int]) -> Held:
    """Of what was said, some is pinned."""
    said = [row.position for row in held.rows if "role" in row.item]
    chosen = {said[number % len(said)] for number in numbers}
    return replace(held, rows=[replace(row, pinned=row.position in chosen) for row in held.rows])


SIZES = st.integers(10, 3_000)
EXCHANGES = st.lists(st.tuples(st.integers(10, 1_200), st.lists(SIZES, max_size=12), SIZES), min_size=1, max_size=8)


@given(EXCHANGES, st.sets(st.integers(0, 20), max_size=4))
def test_what_is_pinned_stays_whole_as_far_as_half_the_room_goes(
    said: list[tuple[int, list[int], int]], numbers: set[int]
) -> None:
    held = pinned_in(held_of(said), numbers)
    chosen = plan(held, LIMITS)
    if chosen is None:
        assert sum(row.tokens for row in held.rows) <= LIMITS.room
        return
    assert chosen.left(held) <= LIMITS.room, (chosen, said)
    pinned = [row for row in held.rows if row.pinned]
    if sum(row.tokens for row in pinned) <= LIMITS.room // 2:
        assert chosen.pinned == {row.position for row in pinned}
    summarized = {id(item) for item in chosen.material}
    assert not any(id(row.item) in summarized for row in held.rows if row.position in chosen.pinned)
    draft = chosen.draft(held, "", 0, 0)
    assert all(row.position in draft.pinned for row in pinned if row.position <= draft.reach) or draft.passed_over
    kept = [row for row in held.rows if row.position > chosen.through or chosen.keeps(row)]
    assert len(chosen.material) + len(kept) == len(held.rows)


PINS = st.sets(st.integers(0, 12), max_size=4)
SHORT = st.integers(10, 400)
TALK = st.lists(st.tuples(SHORT, st.lists(SHORT, max_size=6), SHORT), min_size=1, max_size=6)


@pytest.mark.slow(reason="hundreds of contexts")
@settings(deadline=None, max_examples=200)
@given(TALK, st.lists(st.tuples(PINS, TALK), min_size=2, max_size=5))
@example(  # what is pinned no more stands alone before the summary's end
    [(300, [], 200), (20, [], 200), (300, [200, 200, 400], 200)],
    [({3}, [(100, [], 400)]), (set(), [(100, [], 400)])],
)
@example(  # and the next plan only shortens results
    [(20, [], 20), (100, [20], 20)],
    [
        ({8, 10}, [(20, [200], 400), (100, [20], 200), (20, [], 200), (100, [400], 200), (20, [], 20)]),
        (set(), [(20, [], 200)]),
    ],
)
def test_no_summary_loses_or_repeats_anything_whatever_is_pinned_between(
    said: list[tuple[int, list[int], int]], later: list[tuple[set[int], list[tuple[int, list[int], int]]]]
) -> None:
    """Pins change from one summary to the next, also of what a summary stands for already."""
    every: list[Row] = []
    so_far: list[tuple[int, list[int], int]] = []
    told: set[int] = set()
    now: Compaction | None = None
    for numbers, more in [(set[int](), said), *later]:
        so_far = so_far + more
        every += held_of(so_far).rows[len(every) :]
        chosen_pins = {row.position for row in pinned_in(Held(None, every), numbers).rows if row.pinned}
        fresh = {row.position for row in every if row.position in chosen_pins and not row.pinned}
        every = [replace(row, pinned=row.position in chosen_pins) for row in every]
        if now is not None:
            now.pinned = sorted({*now.pinned, *(position for position in fresh if position <= now.reach)})
        held = given_of(every, now)
        chosen = plan(held, LIMITS)
        if chosen is None:
            continue
        assert chosen.left(held) <= LIMITS.room
        assert chosen.through >= (now.through if now else 0)
        before, told_now = {row.position for row in held.rows}, {id(item) for item in chosen.material}
        draft = chosen.draft(held, "In short.", 0, 0)
        now = Compaction(**{name: value for name, value in asdict(draft).items() if name not in NOT_KEPT})
        after = {row.position for row in given_of(every, now).rows}
        told |= {row.position for row in every if id(row.item) in told_now and row.position in before}
        assert {row.position for row in every} == after | told, "what is not given is in a summary"
        assert after - before <= {row.position for row in every if row.pinned}, "nothing else comes back"
        assert chosen.left(held) == sum(count_in(row, now) for row in given_of(every, now).rows)


def test_words_that_stand_alone_are_no_part_of_the_exchange_after_them() -> None:
    """A person's pinned words, all that was summarized, and an exchange that alone is too long."""
    every = pinned_in(held_of([(50, [], 50), (50, [], 50), (40, [700] * 30, 50)]), {0}).rows
    now = Compaction(number=1, through=4, summary="In short.", pinned=[1])
    chosen = plan(given_of(every, now), LIMITS)
    assert chosen and (chosen.kept_first, chosen.kept_last) == (5, 5)
    assert {row.position for row in every if 1 < row.position <= chosen.through and chosen.keeps(row)} == {5}


def test_words_that_a_person_adds_after_a_summary_do_not_bring_back_what_is_between() -> None:
    """The exchange goes on after its older turns were summarized, and then a person says more."""
    every = held_of([(40, [20] * 3, 50), (30, [700] * 30, 50)]).rows
    now = Compaction(number=1, through=8, summary="In short.", kept_first=1, kept_last=1)
    chosen = plan(given_of(every, now), LIMITS)
    assert chosen and chosen.through > 8
    assert not [row.position for row in every if 1 < row.position <= 8 and chosen.keeps(row)]


NOT_KEPT = ("last_pk", "last_position", "passed_over")


def given_of(every: list[Row], now: Compaction | None) -> Held:
    """Of all that was said, what the model is given then."""
    if now is None:
        return Held(None, list(every))
    rows = [
        row
        for row in every
        if row.position > now.through or now.kept_first <= row.position <= now.kept_last or row.position in now.pinned
    ]
    there = {row.position for row in rows}
    left_out = [row for row in every if row.pinned and row.position not in there]
    return Held(now, rows, now.number, left_out)


def count_in(row: Row, now: Compaction) -> int:
    limit = limit_of(row.item, now.result_tokens, now.text_tokens)
    if not limit or row.position > now.shortened_through or row.position in now.pinned:
        return row.tokens
    return min(row.tokens, limit)


@given(EXCHANGES)
def test_whatever_is_too_long_fits_then_and_pairs_stay_whole(said: list[tuple[int, list[int], int]]) -> None:
    held = held_of(said)
    chosen = plan(held, LIMITS)
    if chosen is None:
        assert sum(row.tokens for row in held.rows) <= LIMITS.room
        return
    kept = [
        row
        for row in held.rows
        if row.position > chosen.through or chosen.kept_first <= row.position <= chosen.kept_last
    ]
    assert chosen.left(held) <= LIMITS.room, (chosen, said)
    calls = {row.item["call_id"] for row in kept if row.item.get("type") == "function_call"}
    outputs = {row.item["call_id"] for row in kept if row.item.get("type") == "function_call_output"}
    assert calls == outputs
    last = exchanges([row.item for row in held.rows])[-1]
    assert held.rows[last] in kept, "what was asked last is there"
    summarized = len(chosen.material)
    assert summarized + len(kept) == len(held.rows)


def test_old_results_are_shortened_before_anything_is_summarized() -> None:
    chosen = plan(held_of([(50, [1_500], 50), (50, [], 50), (50, [], 50)]), LIMITS)
    assert chosen is not None
    assert (chosen.material, chosen.through) == ([], 0)
    assert chosen.shortened_through == 4


def test_the_last_two_exchanges_stay_as_they_are_where_they_take_half_the_window_at_most() -> None:
    chosen = plan(held_of([(400, [], 400), (200, [], 200), (200, [], 200)]), LIMITS)
    assert chosen is not None
    assert (chosen.through, chosen.shortened_through) == (2, 0)


def test_only_the_last_stays_where_two_are_too_much() -> None:
    chosen = plan(held_of([(400, [], 400), (400, [], 600), (200, [], 200)]), LIMITS)
    assert chosen is not None
    assert (chosen.through, chosen.shortened_through) == (4, 0)


def test_sizes_are_cut_to_one_level() -> None:
    assert level([10, 100, 100], 110) == 50
    assert level([10, 20], 100) == 20
    assert level([10], 0) == 0
