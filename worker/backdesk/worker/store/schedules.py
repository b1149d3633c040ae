"""The calls that keep and fire schedules, and reading what they wrote. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobState
from backdesk.worker.model.schedule import FiringError, Overlap, Plan, Schedule, ScheduleRecord
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import CallBuilder, flag, optional, text
from backdesk.worker.store.jobs import NewJob, Transitions
from backdesk.worker.store.moments import moment
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.signature import COMMON


class ScheduleCode(IntEnum):
    """What `keep` did with a definition."""

    ADDED = 1
    REPLACED = 2
    #: It is there already, with this very definition.
    UNCHANGED = 0
    #: It is there with another definition, and stays.
    CONFLICT = -1
    #: Nothing: the tenant is unknown, or may not have jobs of this kind.
    FORBIDDEN = -4


class FireCode(IntEnum):
    """What `fire` did."""

    FIRED = 1
    #: The job of this moment was there.
    FOUND = 0
    #: There was no job to write: it was missed or refused, which is noted.
    NOTED = 2
    #: Left out, because the job of the last firing goes on.
    SKIPPED = 3
    #: Nothing: it was fired, paused, replaced or removed meanwhile.
    CHANGED = -1
    #: Nothing yet: the tenant is unknown, or may not have jobs of this kind.
    FORBIDDEN = -4
    #: Nothing yet: the tenant has too much already.
    OVER_QUOTA = -6
    #: Nothing yet: Redis is nearly full.
    STORE_FULL = -7


@dataclass(frozen=True, slots=True)
class RipeSchedule:
    """A schedule whose moment has come, as it was read. Times are in ms."""

    name: str
    definition: bytes
    generation: str
    anchor_ms: int
    planned_ms: int


class ScheduleCalls(CallBuilder):
    """Builds the calls for schedules. `clock` as for CallBuilder."""

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        super().__init__(settings, clock)
        self._transitions = Transitions(settings, clock)

    # --- what clients do ---

    def keep(
        self, schedule: Schedule, anchor_ms: int, first_ms: int | None, *, paused: bool, replace: bool
    ) -> Call[tuple[ScheduleCode, str]]:
        """Keep a definition and plan its first firing; gives what was done, and the field that forbids it.

        Idempotent.
        """
        return self._call(
            "schedule",
            lambda reply: (ScheduleCode(reply[0]), text(reply[1])),
            name=schedule.name,
            generation=schedule.generation,
            definition=schedule.encoded,
            anchor=anchor_ms,
            first=optional(first_ms),
            paused=flag(paused),
            replace=flag(replace),
            tenant=schedule.tenant,
            kind=schedule.kind,
            require_tenant=flag(self._settings.require_tenant),
        )

    def remove(self, name: str) -> Call[bool]:
        """Forget a schedule; gives whether it was there."""
        return self._call("unschedule", bool, name=name)

    def pause(self, name: str) -> Call[bool]:
        """Fire it no more until it is resumed; gives whether there is such a schedule."""
        return self._call("pause", bool, name=name)

    def resume(self, name: str, generation: str, read_ms: int | None, next_ms: int | None) -> Call[bool]:
        """Fire it again, next at `next_ms`; gives False when it is no longer as it was read."""
        planned, following = optional(read_ms), optional(next_ms)
        return self._call("unpause", bool, name=name, generation=generation, planned=planned, following=following)

    # --- what the elected worker does ---

    def ripe(self, most: int) -> Call[tuple[int, list[RipeSchedule]]]:
        """Read the time in ms, and the schedules whose moment has come."""
        return self._call("ripe", _read_ripe, most=most)

    def fire(
        self,
        ripe: RipeSchedule,
        plan: Plan,
        overlap: Overlap,
        job: NewJob | None,
        error: FiringError | None = None,
        *,
        tenant: str = "",
    ) -> Call[tuple[FireCode, str]]:
        """Write the job of a moment and plan the next, in one step; gives what was done, and the id of the job meant.

        Without a job, or with an error, only what is known is noted. Of a job that is forbidden the id is the field
        that is to blame, and nothing is noted yet.
        """
        return self._call(
            "fire",
            _read_fired,
            self._transitions.submit([job]).arguments[len(COMMON) :] if job else (),
            name=ripe.name,
            generation=ripe.generation,
            planned=ripe.planned_ms,
            following=optional(plan.next),
            moment=optional(plan.moment if job else None),
            passed=plan.passed,
            skips=flag(overlap is Overlap.SKIP),
            error=error.model_dump_json() if error else "",
            tenant=tenant,
        )


def read_definition(raw: bytes) -> Schedule:
    """Return a definition; raises InvalidRequest for one that says more than is understood here."""
    try:
        return Schedule.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InvalidRequest("definition", f"was it written by a later version? {said}") from None


def read_schedule(definition: bytes, fields: Mapping[bytes, bytes], last_state: bytes | None) -> ScheduleRecord | None:
    """Return the record of a schedule, or None when it was removed while it was read.

    What a later version has added to its definition is left out: that one can be looked at, and not be fired.
    """
    raw = {text(name): value for name, value in fields.items()}
    if "created_at" not in raw:
        return None
    return ScheduleRecord(
        **{name: value for name, value in from_json(definition).items() if name in Schedule.model_fields},
        created_at=moment(raw["created_at"]),
        paused="paused" in raw,
        next_at=_moment(raw, "next"),
        last_planned_at=_moment(raw, "last_planned_at"),
        last_fired_at=_moment(raw, "last_fired_at"),
        last_job=text(raw["last_job"]) if "last_job" in raw else None,
        last_state=JobState(text(last_state)) if last_state else None,
        fired=int(raw.get("fired", 0)),
        misfires=int(raw.get("misfires", 0)),
        skipped=int(raw.get("skipped", 0)),
        failed=int(raw.get("failed", 0)),
        error=FiringError.model_validate_json(raw["error"]) if "error" in raw else None,
    )


def _moment(raw: Mapping[str, bytes], name: str) -> Any:
    return moment(raw[name]) if raw.get(name) else None


def _read_ripe(reply: Sequence[Any]) -> tuple[int, list[RipeSchedule]]:
    found = [
        RipeSchedule(text(name), definition, text(generation), int(anchor), int(planned))
        for name, definition, generation, anchor, planned in reply[1:]
    ]
    return int(reply[0]), found


def _read_fired(reply: Sequence[Any]) -> tuple[FireCode, str]:
    return FireCode(reply[0]), text(reply[1])
