"""What jobs came to over the last days: how they ended, how long they took, what they cost and measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, computed_field

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.client.operations.since import SINCE_MEANT, Since, span_s
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.memory.ddsketch import DDSketch, Tally, read_tally
from backdesk.worker.model.job import TERMINAL, JobState
from backdesk.worker.store.archive import ArchivedDay
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import milliseconds, moment
from backdesk.worker.store.remains import unpacked_hash

#: How long Redis keeps the figures of a day; the archive, where there is one, has those of the days before.
DAYS_KEPT = 40
#: Hashes read in one round trip, and entries in one step through a set.
_AT_ONCE = 500
_DAY = timedelta(days=1)

By = Literal["kind", "tenant", "day", "variant"]


class Distribution(BaseModel):
    """Numbers that jobs measured. The quantiles are within 2 % of a number that was measured."""

    model_config = ConfigDict(frozen=True)

    count: int
    sum: float
    mean: float
    min: float
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, sketch: DDSketch) -> Distribution:
        """Return what a sketch tells."""
        p50, p95, p99 = (sketch.quantile(q) for q in (0.5, 0.95, 0.99))
        facts = {"count": sketch.count, "sum": sketch.sum, "mean": sketch.mean, "min": sketch.min, "max": sketch.max}
        return cls.model_validate(facts | {"p50": p50, "p95": p95, "p99": p99})


class EndedJobs(BaseModel):
    """Jobs that ended: how many in each state."""

    model_config = ConfigDict(frozen=True)

    states: dict[JobState, int]

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def jobs(self) -> int:
        """How many ended."""
        return sum(self.states.values())

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def failed_share(self) -> float | None:
        """The share (0 to 1) that failed or expired, of those that were not cancelled; None when there are none."""
        meant = self.jobs - self.states[JobState.CANCELLED]
        return (self.states[JobState.FAILED] + self.states[JobState.EXPIRED]) / meant if meant else None


class JobStats(EndedJobs):
    """Jobs that ended, of one kind, tenant, day or variant, or all, and by name what they measured.

    All that ran count in `run_seconds`, whose figures are all within 2 %; in the others those that used a model or
    measured something.
    """

    name: str
    measures: dict[str, Distribution]


class Stats(BaseModel):
    """What jobs that ended on the days from `since` to `until` (UTC, both included) came to, group by group."""

    model_config = ConfigDict(frozen=True)

    since: date
    until: date
    by: By
    groups: list[JobStats]
    total: JobStats


class StatisticsOperations:
    """The operation that reads what was counted."""

    def __init__(self, core: JobOperations) -> None:
        self._keys = core.keys
        self._archived = core.archived
        settings = core.settings
        self._kept = max(DAYS_KEPT, settings.archive_keep_days if settings.archive_url else 0)

    def read(self, tenant: str | None, kind: str | None, since: Since, by: By) -> Operation[Stats]:
        """Return what jobs came to, of one tenant or all, of one kind or all; raises InvalidRequest. Not atomic.

        Groups are ordered by how many jobs they have, days by date and variants by name. A variant is a kind, an agent
        and a name (`support.request refund=brief`); jobs whose agents have none are in no such group.
        """
        if by not in get_args(By):
            raise InvalidRequest("by", f"{by!r} must be one of {', '.join(get_args(By))}")
        ((seconds, _),) = yield Commands([("TIME",)])
        now = datetime.fromtimestamp(seconds, UTC)
        days = _days(since, now, self._kept)
        sums = _Sums(by)
        yield from self._add_archived(sums, days[:-DAYS_KEPT], tenant, kind)
        yield from self._add_counted(sums, days[-DAYS_KEPT:], tenant, kind)
        found = [_stats(name, tally) for name, tally in sums.groups.items()]
        found.sort(key=lambda group: (-group.jobs if by in {"kind", "tenant"} else 0, group.name))
        return Stats(since=days[0], until=days[-1], by=by, groups=found, total=_stats("all", sums.total))

    def _add_counted(self, sums: _Sums, days: Sequence[date], tenant: str | None, kind: str | None) -> Operation[None]:
        counted = yield from self._counted(days, tenant, kind)
        for at in range(0, len(counted), _AT_ONCE):
            part = counted[at : at + _AT_ONCE]
            hashes = yield Commands([("HGETALL", self._keys.stats(*each)) for each in part])
            for each, fields in zip(part, hashes, strict=True):
                sums.add(*each, fields)

    def _add_archived(self, sums: _Sums, days: Sequence[date], tenant: str | None, kind: str | None) -> Operation[None]:
        last: ArchivedDay | None = None
        while days:
            page = yield from self._archived.days(days[0].isoformat(), days[-1].isoformat(), last)
            for each in page:
                if tenant in {None, each.tenant} and kind in {None, _kind_of(each.kind)}:
                    sums.add(each.day, each.tenant, each.kind, unpacked_hash(each.figures))
            if not page:
                return
            last = page[-1]

    def _counted(
        self, days: Iterable[date], tenant: str | None, kind: str | None
    ) -> Operation[list[tuple[str, str, str]]]:
        """Return the days with the tenants and kinds of which there is something, of those that are asked for."""
        found: dict[tuple[str, str, str], None] = {}
        for day in days:
            cursor: int | None = None
            while cursor != 0:
                key = self._keys.stats_of_day(day.isoformat())
                ((cursor, members),) = yield Commands([("SSCAN", key, cursor or 0, "COUNT", _AT_ONCE)])
                for whose, _, what in (text(member).partition(" ") for member in members):
                    if tenant in {None, whose} and kind in {None, _kind_of(what)}:
                        found[day.isoformat(), whose, what] = None
        return [*found]


class _Sums:
    """The figures of days, tenants and kinds, summed up."""

    def __init__(self, by: By) -> None:
        self._by = by
        self.total = Tally()
        self.groups: dict[str, Tally] = {}

    def add(self, day: str, tenant: str, kind: str, fields: Mapping[bytes, bytes]) -> None:
        tally, is_variant = read_tally(fields), kind != _kind_of(kind)
        if not is_variant:  # the kind has the jobs of its variants
            self.total.add(tally)
        if is_variant is (self._by == "variant"):
            name = {"day": day, "tenant": tenant}.get(self._by, kind)
            self.groups.setdefault(name, Tally()).add(tally)


def _kind_of(group: str) -> str:
    return group.partition(" ")[0]


def _days(since: Since, now: datetime, kept: int) -> Sequence[date]:
    """Return the days that are meant, in UTC: whole ones, today the last."""
    count = _count_of_days(since, now)
    if not 1 <= count <= kept:
        reason = "is in the future" if count < 1 else f"is too long ago: figures are kept for {kept} days"
        raise InvalidRequest("since", f"{since!s} {reason}")
    return [(now - ago * _DAY).date() for ago in reversed(range(count))]


def _count_of_days(since: Since, now: datetime) -> int:
    if isinstance(since, datetime):
        return (now.date() - moment(milliseconds(since)).date()).days + 1
    return math.ceil(span_s("since", since, SINCE_MEANT) / _DAY.total_seconds())


def _stats(name: str, tally: Tally) -> JobStats:
    return JobStats(
        name=name,
        states={state: tally.states[state] for state in JobState if state in TERMINAL},
        measures={each: Distribution.of(sketch) for each, sketch in sorted(tally.measures.items()) if sketch.counts},
    )
