"""What of a context is shortened, and what a summary takes the place of, so that the rest fits into a window."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sessions_app.models import CompactionDraft

from .held import Held, Item, Row
from .shorten import is_of_tool, limit_of

LARGE_RESULT = 300  # tokens; of older results no more is given, once room is needed
SMALLEST = 40  # tokens that are left of anything that is shortened
ENOUGH = 0.6  # share of the room that may be full after shortening alone: else the next turn would be cut again
RECENT = 0.3  # share of the room that exchanges before the last two may have verbatim
MOST_SUMMARY = 4_000  # tokens
PINNED = 0.5  # share of the room that pinned items may take; the newest of them, where it is too little for all


@dataclass(frozen=True, slots=True)
class Limits:
    """In tokens. `fixed`: of what is sent beside the context, such as instructions and tools. `ratio`: how many tokens
    of the model one that was counted is."""

    window: int
    trigger: int
    fixed: int = 0
    ratio: float = 1.0

    @property
    def room(self) -> int:
        """For the context."""
        return max(self.trigger - self.fixed, self.window // 8)

    @property
    def for_summary(self) -> int:
        return min(max(self.room // 4, 64), MOST_SUMMARY)

    def of(self, counted: float) -> int:
        return round(counted * self.ratio)


@dataclass(slots=True)
class Plan:
    """Items to summarize, together with the summary that is in force; none: the summary stays. The rest as of a
    CompactionDraft."""

    through: int
    kept_first: int = 0
    kept_last: int = 0
    shortened_through: int = 0
    result_tokens: int = 0
    text_tokens: int = 0
    pinned: frozenset[int] = frozenset()
    passed_over: frozenset[int] = frozenset()
    material: list[Item] = field(default_factory=list)

    def left(self, held: Held) -> int:
        """Tokens, as they are counted, of what the model will be given beside the summary."""
        rows = held.rows + held.left_out
        kept = [row for row in rows if row.position > self.through or self.keeps(row)]
        return sum(min(row.tokens, self._limit_of(row) or row.tokens) for row in kept)

    def keeps(self, row: Row) -> bool:
        """Although the summary stands for what is beside it."""
        return self.kept_first <= row.position <= self.kept_last or row.position in self.pinned

    def _limit_of(self, row: Row) -> int:
        if row.position > self.shortened_through or row.position in self.pinned:
            return 0
        return limit_of(row.item, self.result_tokens, self.text_tokens)

    def draft(self, held: Held, summary: str, tokens_before: int, tokens_after: int) -> CompactionDraft:
        last = held.rows[-1]
        return CompactionDraft(
            number=held.latest + 1,
            last_pk=last.pk,
            last_position=last.position,
            through=self.through,
            summary=summary,
            kept_first=self.kept_first,
            kept_last=self.kept_last,
            shortened_through=self.shortened_through,
            result_tokens=self.result_tokens,
            text_tokens=self.text_tokens,
            pinned=tuple(sorted(p for p in self.pinned if p <= max(self.through, self.shortened_through))),
            passed_over=tuple(sorted(self.passed_over)),
            tokens_before=tokens_before,
            tokens_after=tokens_after,
        )


def exchanges(items: Sequence[Item]) -> list[int]:
    """Where each exchange begins: with what a person said after somebody else."""
    people = [item.get("role") == "user" for item in items]
    return [index for index, person in enumerate(people) if person and not (index and people[index - 1])]


def plan(held: Held, limits: Limits) -> Plan | None:
    """The least that makes the context fit; None where nothing can be taken away."""
    return _Planner(held, limits).plan() if held.rows else None


def plan_asked(held: Held, limits: Limits) -> Plan | None:
    """What a person has asked to be summarized: all but the last two exchanges, or the last one of two."""
    planner = _Planner(held, limits)
    starts = planner.starts
    if len(starts) < 2:
        return None
    wanted = starts[-2] if len(starts) > 2 and planner.size(starts[-2]) <= planner.half else starts[-1]
    return planner.fitting(wanted)


class _Planner:
    """`rows` is what goes on where the summary ends, with what it has kept of that exchange. What stands alone before
    them, because it is pinned or was, is `loose` unless it stays."""

    def __init__(self, held: Held, limits: Limits) -> None:
        self.held, self.limits, self.before = held, limits, held.compaction
        self.rows = [row for row in held.rows if not self._is_alone(row)]
        self.tokens = [limits.of(row.tokens) for row in self.rows]
        self.starts = exchanges([row.item for row in self.rows])
        self.pinned, self.passed_over, self.pinned_tokens = self._pinned()
        self.loose = [row for row in held.rows if self._is_alone(row) and not self.is_pinned(row)]
        self.room = limits.room - limits.for_summary - self.pinned_tokens  # for what is not pinned
        self.half = min(limits.window // 2, self.room)

    @property
    def covered(self) -> int:
        """The last position that the summary stands for."""
        return self.before.through if self.before else 0

    def _is_alone(self, row: Row) -> bool:
        now = self.before
        return now is not None and row.position <= now.through and not now.kept_first <= row.position <= now.kept_last

    def _pinned(self) -> tuple[frozenset[int], frozenset[int], int]:
        """Positions of what stays as it is, and of what is pinned and must give way all the same; tokens of the first.
        What had to give way before is among them: there may be room now."""
        kept: set[int] = set()
        passed_over: set[int] = set()
        left = most = int(self.limits.room * PINNED)
        every = [row for row in self.held.rows + self.held.left_out if row.pinned]
        for row in sorted(every, key=lambda row: row.position, reverse=True):
            if (tokens := self.limits.of(row.tokens)) <= left:
                kept.add(row.position)
                left -= tokens
            else:
                passed_over.add(row.position)
        return frozenset(kept), frozenset(passed_over), most - left

    def is_pinned(self, row: Row) -> bool:
        return row.position in self.pinned

    def size(self, start: int) -> int:
        """Of the rows from there on that are not pinned."""
        rows = zip(self.rows[start:], self.tokens[start:], strict=True)
        return sum(tokens for row, tokens in rows if not self.is_pinned(row))

    def plan(self) -> Plan | None:
        return self._shortened() or self.fitting(self._wanted())

    def _shortened(self) -> Plan | None:
        """Large results before the last two exchanges, where that is enough."""
        until = self.starts[-2] if len(self.starts) > 1 else 0
        limit = max(SMALLEST, int(LARGE_RESULT / self.limits.ratio))
        large = [i for i in range(until) if is_of_tool(self.rows[i].item) and self.rows[i].tokens > limit]
        gone = sum(self.tokens[i] - self.limits.of(limit) for i in large)
        alone = sum(self.limits.of(row.tokens) for row in self.loose)
        left = self.limits.of(self.held.summary_tokens) + self.size(0) + self.pinned_tokens + alone - gone
        if not large or left > self.limits.room * ENOUGH or self._is_shortened_to(limit, large):
            return None
        plan = self._same()
        plan.shortened_through = max(plan.shortened_through, self.rows[until - 1].position)
        plan.result_tokens = min(filter(None, (plan.result_tokens, limit)))
        return plan

    def _is_shortened_to(self, limit: int, large: list[int]) -> bool:
        now = self.before
        return bool(now and now.result_tokens and now.result_tokens <= limit
                    and all(self.rows[i].position <= now.shortened_through for i in large))  # fmt: skip

    def _same(self) -> Plan:
        """As it is now. What is loose stays, as no summary is made that would have it."""
        now = self.before
        loose = {row.position for row in self.loose}
        plan = Plan(0, pinned=self.pinned | loose, passed_over=self.passed_over - loose)
        if now is not None:
            plan.through, plan.kept_first, plan.kept_last = now.through, now.kept_first, now.kept_last
            plan.shortened_through = now.shortened_through
            plan.result_tokens, plan.text_tokens = now.result_tokens, now.text_tokens
        return plan

    def _wanted(self) -> int:
        """The exchange from which on all is kept verbatim: the last, the one before it where both take no more than
        half the window, and earlier ones as long as all are few."""
        if not self.starts:
            return 0
        wanted = self.starts[-1]
        for ago, start in enumerate(reversed(self.starts[:-1])):
            if self.size(start) > (self.half if ago == 0 else self.limits.room * RECENT):
                break
            wanted = start
        return wanted

    def whole_pairs(self, cut: int) -> int:
        """`cut`, or the nearest place before it that splits no call from its output."""
        calls: dict[str, int] = {}
        for index, row in enumerate(self.rows):
            call_id = str(row.item.get("call_id"))
            if row.item.get("type") == "function_call":
                calls[call_id] = index
            elif row.item.get("type") == "function_call_output" and calls.get(call_id, cut) < cut <= index:
                return self.whole_pairs(calls[call_id])
        return cut

    def fitting(self, cut: int) -> Plan | None:
        """A summary of what is before `cut`, or a little less, and of the rest as much as there is room for."""
        cut = self.whole_pairs(cut)
        plan = Plan(self.covered, pinned=self.pinned, passed_over=self.passed_over)
        if cut:
            plan.through = max(self.covered, self.rows[cut - 1].position)
        elif self.before:
            plan.kept_first, plan.kept_last = self.before.kept_first, self.before.kept_last
        if self.size(cut) > self.room:
            cut = self._within_exchange(cut, plan)
        plan.material = [row.item for row in self.loose + self.rows[:cut] if not plan.keeps(row)]
        if not plan.material:
            same = self._same()
            plan.through, plan.kept_first, plan.kept_last = same.through, same.kept_first, same.kept_last
            if not plan.shortened_through or not self._is_news(plan):
                return None
        return plan

    def _is_news(self, plan: Plan) -> bool:
        now = self.before
        if now is None:
            return True
        before = now.shortened_through, now.result_tokens or 10**9, now.text_tokens or 10**9
        return (plan.shortened_through, plan.result_tokens or 10**9, plan.text_tokens or 10**9) != before

    def _within_exchange(self, cut: int, plan: Plan) -> int:
        """Not even the last exchange fits: its results are shortened, then its older turns summarized, then its words
        shortened."""
        plan.shortened_through = self.held.rows[-1].position
        limit = self._level_of_results(cut)
        if limit < SMALLEST:
            cut = self._later_turn(cut, plan)
            limit = max(SMALLEST, self._level_of_results(cut, plan))
        plan.result_tokens = limit
        words = self.room - sum(
            min(self.limits.of(limit), tokens) if is_of_tool(row.item) else 0
            for row, tokens in zip(self.rows[cut:], self.tokens[cut:], strict=True)
        )
        if sum(self._words(cut, plan)) > words:
            plan.text_tokens = max(SMALLEST, round(level(self._words(cut, plan), words) / self.limits.ratio))
        return cut

    def _words(self, cut: int, plan: Plan) -> list[int]:
        """Tokens of what is kept, not pinned, and no tool's."""
        return [
            tokens
            for index, (row, tokens) in enumerate(zip(self.rows, self.tokens, strict=True))
            if not (is_of_tool(row.item) or self.is_pinned(row)) and (index >= cut or plan.keeps(row))
        ]

    def _level_of_results(self, cut: int, plan: Plan | None = None) -> int:
        """To how many tokens, as they are counted, each result must be shortened; 0: that is not enough."""
        results = [
            tokens for row, tokens in zip(self.rows[cut:], self.tokens[cut:], strict=True) if is_of_tool(row.item)
        ]
        return int(level(results, self.room - sum(self._words(cut, plan or Plan(0)))) / self.limits.ratio)

    def _later_turn(self, cut: int, plan: Plan) -> int:
        """The turn of the last exchange from which on half the room is enough, or its last one; the person's words at
        its beginning are kept."""
        start = self.starts[-1] if self.starts else 0
        words = start
        while words < len(self.rows) and self.rows[words].item.get("role") == "user":
            words += 1
            if self._is_gap(words):
                break
        turns = [
            index
            for index in range(words + 1, len(self.rows))
            if self.rows[index - 1].item.get("type") == "function_call_output"
            and self.rows[index].item.get("type") != "function_call_output"
            and self.whole_pairs(index) == index
        ]
        later = next((turn for turn in turns if self.size(turn) <= self.room // 2), turns[-1] if turns else cut)
        if later > words > start:
            plan.kept_first, plan.kept_last = self.rows[start].position, self.rows[words - 1].position
        if later > cut:
            plan.through = self.rows[later - 1].position
        return max(cut, later)

    def _is_gap(self, index: int) -> bool:
        """The summary stands for what was said between the row before it and this one."""
        between = self.rows[index - 1 : index + 1]
        return len(between) == 2 and between[0].position <= self.covered < between[1].position


def level(sizes: Sequence[int], room: int) -> int:
    """The height to which all of `sizes` can be cut so that they fit into `room` together; 0 where none can."""
    left = max(room, 0)
    for number, size in enumerate(ordered := sorted(sizes)):
        share = left // (len(ordered) - number)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)
