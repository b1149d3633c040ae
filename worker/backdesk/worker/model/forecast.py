"""How fast work goes on, and how long it will take: told only once there is enough to tell it from.

Pure but for its clock. A body observes what it has done, and tells `**forecast.as_data()` with its progress; whoever
watches a job observes what the job tells.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

#: Points are kept this far apart, and so many of them: work that goes on evenly is judged by its last half minute.
SPACING_S, MOST_POINTS = 0.5, 64
#: What is older than this counts no more, as long as there are enough points without it.
WINDOW_S, ENOUGH_POINTS = 60.0, 9
#: A rate is told from so many points over so long on.
RATE_POINTS, RATE_S = 3, 1.0
#: A remaining time is told from so many points over so long on, and from this share of what there was to do.
LEAST_POINTS, LEAST_S, LEAST_SHARE = 5, 3.0, 0.02
#: By what factor the pace may have changed lately for that, and when it is withdrawn.
STEADY, UNSTEADY = 2.0, 3.0
#: Work that has not moved for this long, and for so many of its usual pauses, has no rate that anybody knows.
STALLED_S, STALLED_PAUSES = 5.0, 4.0


class Point(NamedTuple):
    """How much was done at a moment."""

    at: float
    done: float


class Forecast:
    """The forecast of one piece of work. It begins anew when less is done than before, as in another attempt."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._points: list[Point] = []
        self._first = Point(0.0, 0.0)
        self._moved_at = 0.0
        self._total: float | None = None
        self._told = False

    def observe(self, done: float, total: float | None = None) -> None:
        """Note how much is done by now, of how much if that is known. What is no finite number is ignored."""
        if not math.isfinite(done):
            return
        point = Point(self._clock(), done)
        if total is not None and math.isfinite(total):
            self._total = total
        if not self._points or done < self._points[-1].done or point.at < self._points[-1].at:
            self._begin(point)
            return
        if done > self._points[-1].done:
            self._moved_at = point.at
        self._add(point)

    @property
    def rate(self) -> float | None:
        """What is done in a second; None while nobody can know, and when the work has come to a stop."""
        points = self._points
        if len(points) < RATE_POINTS or points[-1].at - points[0].at < RATE_S or self._stalled:
            return None
        return _rate(points[0], points[-1]) or None

    @property
    def remaining_s(self) -> float | None:
        """How long the rest will take, in seconds; None while that cannot be estimated.

        It can after three seconds and five observations, when two per cent of what there was to do are done, the work
        goes on about as fast as before, and has not come to a stop.
        """
        rate, total = self.rate, self._total
        if rate is None or total is None or not self._enough(total):
            self._told = False
            return None
        self._told = self._unevenness() <= (UNSTEADY if self._told else STEADY)
        if not self._told:
            return None
        last = self._points[-1]
        return max(0.0, (total - last.done) / rate - (self._clock() - last.at))

    def as_data(self) -> dict[str, float]:
        """Return `remaining_s` for the data of an event, or nothing."""
        remaining_s = self.remaining_s
        return {} if remaining_s is None else {"remaining_s": round(remaining_s, 1)}

    def _begin(self, point: Point) -> None:
        self._points, self._first, self._moved_at, self._told = [point], point, point.at, False

    def _add(self, point: Point) -> None:
        """Keep a point; the newest takes the place of one that is too near to the one before that."""
        points = self._points
        if len(points) > 1 and points[-1].at - points[-2].at < SPACING_S:
            points.pop()
        points.append(point)
        while len(points) > MOST_POINTS or (len(points) > ENOUGH_POINTS and points[0].at < point.at - WINDOW_S):
            points.pop(0)

    @property
    def _stalled(self) -> bool:
        points = self._points
        moves = sum(after.done > before.done for before, after in pairwise(points))
        pause_s = (points[-1].at - points[0].at) / moves if moves else 0.0
        return self._clock() - self._moved_at > max(STALLED_S, STALLED_PAUSES * pause_s)

    def _enough(self, total: float) -> bool:
        first, last, to_do = self._first, self._points[-1], total - self._first.done
        long_enough = len(self._points) >= LEAST_POINTS and last.at - first.at >= LEAST_S
        return long_enough and to_do > 0 and (last.done - first.done) / to_do >= LEAST_SHARE

    def _unevenness(self) -> float:
        """Return by what factor the pace of the newest half, or quarter, differs from that of what was before it."""
        return max(self._change(0.5), self._change(0.75))

    def _change(self, share: float) -> float:
        points = self._points
        at = bisect_left([point.at for point in points], points[0].at + share * (points[-1].at - points[0].at))
        at = min(max(at, 1), len(points) - 2)
        slow, fast = sorted((_rate(points[0], points[at]), _rate(points[at], points[-1])))
        return fast / slow if slow > 0 else math.inf


def _rate(first: Point, last: Point) -> float:
    return (last.done - first.done) / (last.at - first.at) if last.at > first.at else 0.0
