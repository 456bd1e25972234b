"""What an edit of a file says that it has changed."""

import difflib
import random
import time

import pytest

from chat_app.agent.tools.writing import difference

MANY = 60_000


def plainly(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "a/x", "b/x", lineterm="")
    return "\n".join(lines)


@pytest.mark.parametrize("changed", [[0], [1], [500], [999], [0, 999], [3, 4, 5, 90, 400, 402]])
def test_it_is_the_usual_one(changed: list[int]) -> None:
    lines = [f"line {n}" for n in range(1000)]
    after = [f"other {n}" if n in changed else line for n, line in enumerate(lines)]
    assert difference("x", "\n".join(lines), "\n".join(after)) == plainly("\n".join(lines), "\n".join(after))


@pytest.mark.parametrize(("before", "after"), [("", "a"), ("a", ""), ("a\nb", "a"), ("a", "a\nb"), ("b", "a\nb")])
def test_also_where_lines_only_come_or_go(before: str, after: str) -> None:
    assert difference("x", before, after) == plainly(before, after)


def test_a_long_file_that_repeats_itself_takes_no_time() -> None:
    body = "".join(f"{n * 7919 % 150}\n" for n in range(MANY))
    began = time.process_time()
    said = difference("x", f"first\n{body}last\n", f"erste\n{body}letzte\n")
    assert time.process_time() - began < 1
    assert f"@@ -1,{MANY + 2} +1,{MANY + 2} @@" in said
    assert said.endswith("read the file to see all of it.)")


def test_nor_do_as_many_lines_as_are_compared() -> None:
    chance = random.Random(1)
    lines = [str(n % 99) for n in range(2000)]
    mixed = chance.sample(lines, len(lines))
    began = time.process_time()
    difference("x", "\n".join(lines), "\n".join(mixed))
    assert time.process_time() - began < 5
