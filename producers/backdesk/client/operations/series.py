"""What ended minute by minute over the last two days: how many, how long they waited and ran, what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.client.operations.since import Since, since_ms, span_s
from backdesk.client.operations.stats import EndedJobs
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.memory.ends import MINUTES_KEPT, Ends, EndsCalls, Times

#: Minutes read in one script, which takes some milliseconds where there are many kinds.
_AT_ONCE = 120
_MINUTE_S = 60
_MINUTE_MS = _MINUTE_S * 1000

SeriesBy = Literal["kind", "queue"]


class Spread(BaseModel):
    """How long something took, in seconds. Times count in buckets that double, and a quantile is within its bucket."""

    model_config = ConfigDict(frozen=True)

    count: int
    mean: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, times: Times) -> Spread | None:
        """Return what times tell, None when there are none."""
        if times.count == 0:
            return None
        p50, p95, p99 = (times.quantile(q) for q in (0.5, 0.95, 0.99))
        return cls(count=times.count, mean=times.sum_s / times.count, p50=p50, p95=p95, p99=p99)


class Point(EndedJobs):
    """Jobs that ended in one step of time, from `at` on. `wait` and `run` are of those that began, else None.

    `cost_usd` is what is known of it.
    """

    at: datetime
    wait: Spread | None
    run: Spread | None
    input_tokens: int
    output_tokens: int
    cost_usd: float


class PointsOfGroup(BaseModel):
    """The points of one kind or queue; of kinds, `*` are those beyond what a minute counts by name."""

    model_config = ConfigDict(frozen=True)

    name: str
    points: list[Point]


class Series(BaseModel):
    """What ended from `since` to `until`: a point for each step, in all and group by group, the busiest first."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    step: timedelta
    by: SeriesBy | None
    groups: list[PointsOfGroup]
    total: list[Point]


class SeriesOperations:
    """The operation that reads what ended, minute by minute."""

    def __init__(self, core: JobOperations) -> None:
        self._calls = EndsCalls(core.settings)

    def read(
        self,
        since: Since,
        until: Since | None,
        step: timedelta | float,
        kind: str | None,
        queue: str | None,
        *,
        by: SeriesBy | None,
    ) -> Operation[Series]:
        """Return what ended; raises InvalidRequest. Each minute is told as a whole, all of them are not atomic."""
        if by is not None and by not in get_args(SeriesBy):
            raise InvalidRequest("by", f"{by!r} must be one of {', '.join(get_args(SeriesBy))}, or None")
        ((seconds, _),) = yield Commands([("TIME",)])
        steps = _steps(since, until, step, int(seconds) * 1000)
        total, groups = _empty(steps), dict[str, dict[int, Ends]]()
        for first in range(steps.start, steps.stop, _AT_ONCE):
            (found,) = yield Calls([self._calls.series(first, min(_AT_ONCE, steps.stop - first))])
            for minute, (its_queue, its_kind), ends in found:
                if kind in {None, its_kind} and queue in {None, its_queue}:
                    at = minute - minute % steps.step
                    total[at].add(ends)
                    if by:
                        groups.setdefault(its_kind if by == "kind" else its_queue, _empty(steps))[at].add(ends)
        told = [PointsOfGroup(name=name, points=_points(its)) for name, its in groups.items()]
        told.sort(key=lambda group: (-sum(point.jobs for point in group.points), group.name))
        return Series(
            since=_moment(steps.start),
            until=_moment(steps.stop),
            step=timedelta(minutes=steps.step),
            by=by,
            groups=told,
            total=_points(total),
        )


def _steps(since: Since, until: Since | None, step: timedelta | float, now_ms: int) -> range:
    """Return the minutes at which steps begin, whole steps with the first and the last minute that are meant."""
    size = span_s("step", step, "a timedelta or seconds over 0") / _MINUTE_S
    if not size.is_integer() or size > MINUTES_KEPT:
        raise InvalidRequest("step", f"{step!s} must be whole minutes, at most 48 hours of them")
    each, now = int(size), now_ms // _MINUTE_MS
    first = since_ms("since", since, now_ms) // _MINUTE_MS
    last = now if until is None else since_ms("until", until, now_ms) // _MINUTE_MS
    if first > min(last, now):
        raise InvalidRequest("since", f"{since!s} must be before {'now' if last >= now else 'until'}")
    if first < now - MINUTES_KEPT:
        raise InvalidRequest("since", f"{since!s} is too long ago: minutes are kept for 48 hours; `stats` keeps days")
    return range(first - first % each, min(last, now) + 1 + -(min(last, now) + 1) % each, each)


def _empty(steps: Sequence[int]) -> dict[int, Ends]:
    return {minute: Ends() for minute in steps}


def _points(ends: dict[int, Ends]) -> list[Point]:
    return [
        Point(
            at=_moment(minute),
            states=its.states,
            wait=Spread.of(its.waits),
            run=Spread.of(its.runs),
            input_tokens=its.input_tokens,
            output_tokens=its.output_tokens,
            cost_usd=its.cost_usd,
        )
        for minute, its in ends.items()
    ]


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * _MINUTE_S, UTC)
