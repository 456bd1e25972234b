"""Places that all users share."""

from collections import Counter

from chat_app.fair_share import may_take_another


def test_a_few_users_never_take_all_places() -> None:
    taken: Counter[int] = Counter()
    for user in range(12):
        while may_take_another(taken[user], taken.total(), 10_000, 2_000):
            taken[user] += 1
        assert taken[user] > 0, "whoever comes next finds a place"
    assert taken.total() < 10_000
    assert taken[0] == taken[2] == 2_000
    assert may_take_another(9_999, 9_999, 10_000, 10_000) is False
