"""A schedule: a job that is asked for again and again, by Redis' clock. Plain values, no Redis."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.job import DEFAULT_TENANT, JobState
from backdesk.worker.model.recurrence import Interval, Recurrence, read_cron, read_zone
from backdesk.worker.model.retry import RetryPolicy

#: How the owner of a request among the blobs begins that is a schedule's.
OWNER = "schedule="
SHORTEST_INTERVAL = timedelta(seconds=1)
LONGEST_INTERVAL = timedelta(days=3650)
#: A firing that is no later than this is on time: a change of the elected worker or a restart of Redis takes seconds.
ON_TIME_MS = 60_000
#: Moments that passed without a job are counted up to this many at a time.
MOST_COUNTED = 100


class Missed(StrEnum):
    """What becomes of moments that passed while no worker was there, or the schedule was paused."""

    ONCE = "once"
    SKIP = "skip"


class Overlap(StrEnum):
    """What happens at a moment at which the job of the one before has not ended."""

    ALLOW = "allow"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule fires, as it is asked for: exactly one of `cron` and `every` (seconds or a timedelta).

    A naive `starts` or `ends` is taken in the time zone.
    """

    cron: str | None = None
    every: float | timedelta | None = None
    timezone: str = "UTC"
    starts: datetime | None = None
    ends: datetime | None = None
    missed: Missed | str = Missed.ONCE
    overlap: Overlap | str = Overlap.ALLOW


class Schedule(BaseModel):
    """The definition of a schedule. Spans are in seconds; `expires_s` and `start_by_s` count from a firing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    request: Any
    cron: str | None = None
    every_s: float | None = None
    timezone: str = "UTC"
    starts: datetime | None = None
    ends: datetime | None = None
    tenant: str = DEFAULT_TENANT
    #: None leaves it to the tenant.
    priority: int | None = None
    timeout_s: float | None = None
    retry: RetryPolicy | None = None
    budget: Budget | None = None
    slots: int | None = None
    expires_s: float | None = None
    start_by_s: float | None = None
    metadata: dict[str, Any] = {}
    missed: Missed = Missed.ONCE
    overlap: Overlap = Overlap.ALLOW
    #: Where the request is that is too large for Redis, which then is None here.
    request_blob: BlobRef | None = None

    def recurrence(self, anchor_ms: int) -> Recurrence:
        """Return its moments; an interval counts from the anchor. Raises InvalidRequest for a zone not known here."""
        starts_ms, ends_ms = _milliseconds(self.starts), _milliseconds(self.ends)
        if self.cron is not None:
            return Recurrence(read_cron(self.cron, self.zone), starts_ms, ends_ms)
        return Recurrence(Interval(round((self.every_s or 0) * 1000), anchor_ms), starts_ms, ends_ms)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; raises InvalidRequest where it is not known."""
        return read_zone(self.timezone)

    @cached_property
    def encoded(self) -> str:
        """The definition as JSON: equal definitions give equal text, and defaults are left out."""
        # What later versions add must not make a definition of today another one.
        fields = Schedule.model_dump(self, mode="json", include={*Schedule.model_fields}, exclude_defaults=True)
        return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def generation(self) -> str:
        """What tells two definitions apart: 128 bits. With a large request that of the whole, by which it is kept."""
        if self.request_blob is not None:
            return generation_in(self.request_blob.owner)
        return hashlib.blake2b(self.encoded.encode(), digest_size=16).hexdigest()


def owner_of(schedule: Schedule) -> str:
    """Return to whom a large request belongs: what has another request has another owner."""
    return f"{OWNER}{schedule.generation}.{schedule.name}"


def generation_in(owner: str) -> str:
    """Return which definition of a schedule it is that such an owner names."""
    return owner.removeprefix(OWNER).partition(".")[0]


def name_in(owner: str) -> str:
    """Return which schedule it is that such an owner names."""
    return owner.partition(".")[2]


class FiringError(BaseModel):
    """Why the last firing gave no job. `fields` has the reason for each field, where it is the request's fault."""

    model_config = ConfigDict(frozen=True)

    message: str
    fields: dict[str, str] = {}
    planned_at: datetime
    at: datetime


class ScheduleRecord(Schedule):
    """A schedule as the store knows it at one moment. Times are in UTC.

    `next_at` is None once it has ended. `misfires` are moments that passed without a job because nobody was there or
    it was paused, `skipped` those at which the former job still ran, `failed` those whose job was refused; `error` is
    that of the last firing, None when that one went well.
    """

    created_at: datetime
    paused: bool = False
    next_at: datetime | None = None
    last_planned_at: datetime | None = None
    last_fired_at: datetime | None = None
    last_job: str | None = None
    #: None when the job is forgotten.
    last_state: JobState | None = None
    fired: int = 0
    misfires: int = 0
    skipped: int = 0
    failed: int = 0
    error: FiringError | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about a schedule whose moment has come; all in ms.

    `moment` is the one to fire for, None for none; `passed` are left out; `next` is when to look again, None for never.
    """

    moment: int | None
    passed: int
    next: int | None


def plan(recurrence: Recurrence, planned_ms: int, now_ms: int, missed: Missed) -> Plan:
    """Decide about a schedule whose `planned_ms` has come: one firing at most, for the latest moment that has passed.

    However many have passed there is no burst. With `skip` nothing is fired that is more than `ON_TIME_MS` late.
    """
    latest = recurrence.latest(planned_ms, now_ms)
    passed, following = recurrence.count(planned_ms, latest, MOST_COUNTED), recurrence.after(latest)
    if missed is Missed.SKIP and now_ms - latest > ON_TIME_MS:
        return Plan(None, passed + 1, following)
    return Plan(latest, passed, following)


def firing_id(name: str, generation: str, moment_ms: int) -> str:
    """Return the id of the job of one moment, so that whoever fires it, and however often, makes one job."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"backdesk/schedule/{name}/{generation}/{moment_ms}"))


def timing_fields(timing: Timing) -> dict[str, Any]:
    """Return the fields of a definition that say when; raises InvalidRequest with the field and the reason."""
    if (timing.cron is None) == (timing.every is None):
        raise InvalidRequest("cron", "give either a cron expression or an interval (every), and not both")
    zone = read_zone(timing.timezone)
    starts, ends = _bound("starts", timing.starts, zone), _bound("ends", timing.ends, zone)
    if starts and ends and ends < starts:
        raise InvalidRequest("ends", "lies before its start (starts)")
    return {
        "cron": None if timing.cron is None else read_cron(timing.cron, zone).expression,
        "every_s": None if timing.every is None else _interval_s(timing.every),
        "timezone": timing.timezone,
        "starts": starts,
        "ends": ends,
        "missed": _choice("missed", timing.missed, Missed),
        "overlap": _choice("overlap", timing.overlap, Overlap),
    }


def _choice(field: str, value: str, choices: type[StrEnum]) -> StrEnum:
    try:
        return choices(value)
    except ValueError:
        raise InvalidRequest(field, f"{value!r} must be one of {', '.join(choices)}") from None


def _interval_s(every: float | timedelta) -> float:
    try:
        span = every if isinstance(every, timedelta) else timedelta(seconds=every)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest("every", f"{every!r} must be a number of seconds") from None
    if not SHORTEST_INTERVAL <= span <= LONGEST_INTERVAL:
        raise InvalidRequest("every", f"{span.total_seconds():g} s must be between one second and ten years")
    return span.total_seconds()


def _bound(field: str, moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise InvalidRequest(field, f"{moment!r} must be a datetime")
    try:
        bound = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        in_range = datetime(1970, 1, 1, tzinfo=UTC) <= bound <= datetime.now(UTC) + timedelta(days=36_500)
    except OverflowError:
        in_range = False
    if not in_range:
        raise InvalidRequest(field, f"{moment} must lie between 1970 and a hundred years from now")
    return bound


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
