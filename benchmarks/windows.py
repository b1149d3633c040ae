"""What falls into sliding windows of a run: amounts at moments, as a provider counts them."""

from __future__ import annotations

from collections.abc import Sequence

#: When it was, in seconds, and how much.
Moment = tuple[float, float]


def most_within(moments: Sequence[Moment], width_s: float) -> float:
    """Return the largest sum of amounts within any `width_s` seconds, the end of which is not part of them."""
    ordered = sorted(moments)
    most = within = 0.0
    first = 0
    for time_s, amount in ordered:
        within += amount
        while ordered[first][0] <= time_s - width_s:
            within -= ordered[first][1]
            first += 1
        most = max(most, within)
    return most


def sum_between(moments: Sequence[Moment], begin_s: float, end_s: float) -> float:
    """Return the sum of amounts from `begin_s` to before `end_s`."""
    return sum(amount for time_s, amount in moments if begin_s <= time_s < end_s)
