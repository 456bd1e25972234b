"""How much of what all users share one of them may take: places for sockets, and for runs."""

KEPT_FOR_OTHERS = 4
"""Of all places, the fourth part."""


def may_take_another(own: int, taken: int, total: int, most: int) -> bool:
    """Whether a user with `own` places may take another, of `total`, of which all users have `taken`; nobody has more
    than `most`.

    Of the last places nobody takes more than as many as are left then: so a few users never have all of them, and
    whoever has none finds one.
    """
    left = total - taken
    return left > 0 and own < most and (left > total // KEPT_FOR_OTHERS or own < left)
