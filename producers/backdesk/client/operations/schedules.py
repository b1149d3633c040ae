"""Schedules: jobs that are asked for again and again. They are kept in Redis and fired by the elected worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain

from backdesk.client.contracts import NamedKind, name_of
from backdesk.client.operations.jobs import JobOperations, new_job_id
from backdesk.client.operations.operation import Calls, Commands, InBlobs, Operation
from backdesk.worker.errors import InvalidRequest, ScheduleExists, ScheduleNotFound
from backdesk.worker.model.contract import encode_json
from backdesk.worker.model.options import JobOptions
from backdesk.worker.model.recurrence import Recurrence
from backdesk.worker.model.schedule import Schedule, ScheduleRecord, Timing
from backdesk.worker.store.calls import text
from backdesk.worker.store.fields import readable
from backdesk.worker.store.moments import milliseconds, moment
from backdesk.worker.store.schedules import ScheduleCalls, ScheduleCode, read_definition, read_schedule
from backdesk.worker.submit.admission import refusal
from backdesk.worker.submit.claim_check import check_in_schedule, whole_schedule
from backdesk.worker.submit.scheduled import define, job_of


@dataclass(frozen=True, slots=True)
class KeptSchedule:
    """A schedule that was asked for: its record, and whether it is new, took the place of another one, or neither."""

    record: ScheduleRecord
    added: bool
    replaced: bool


ScheduleRecords = list[ScheduleRecord]


class ScheduleOperations:
    """The operations on schedules."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._calls = ScheduleCalls(core.settings)

    def add(
        self,
        name: str,
        kind: NamedKind,
        request: object,
        options: JobOptions,
        timing: Timing,
        *,
        paused: bool,
        replace: bool,
    ) -> Operation[KeptSchedule]:
        """Check a definition, and that its tenant may have it; keep it. Raises InvalidRequest or ScheduleExists."""
        check = yield from self._core.check(kind)
        now = yield from self._now()
        limit = self._core.settings.largest_request_bytes
        schedule = define(name, name_of(kind), request, check, options, timing=timing, max_request_bytes=limit, now=now)
        anchor_ms = milliseconds(schedule.starts or now)
        first_ms = schedule.recurrence(anchor_ms).after(milliseconds(now))
        if first_ms is None:
            yield from self._refuse_as_over(schedule)
        schedule = yield from self._checked_in(schedule)
        call = self._calls.keep(schedule, anchor_ms, first_ms, paused=paused, replace=replace)
        ((code, field),) = yield Calls([call])
        if code is ScheduleCode.FORBIDDEN:
            raise refusal(field, tenant=schedule.tenant)
        if code is ScheduleCode.CONFLICT:
            raise ScheduleExists(name)
        record = yield from self.get(name)
        return KeptSchedule(record, code is ScheduleCode.ADDED, code is ScheduleCode.REPLACED)

    def _checked_in(self, schedule: Schedule) -> Operation[Schedule]:
        """Return a definition as it can be kept: with its request among the blobs if that is too large for Redis."""
        encoded = encode_json("request", schedule.request)
        if len(encoded) <= self._core.settings.inline_request_bytes:
            return schedule
        (checked_in,) = yield InBlobs(partial(check_in_schedule, schedule, encoded))
        return checked_in  # type: ignore[no-any-return]  # answers are of any type

    def _refuse_as_over(self, schedule: Schedule) -> Operation[None]:
        """Refuse a definition that will never fire, unless it is there and has had its time."""
        (known,) = yield Commands([("HGET", self._core.keys.schedule(schedule.name), "generation")])
        if known is None or text(known) != schedule.generation:
            raise InvalidRequest("ends", "it would never fire: no moment is left before its end")

    def get(self, name: str) -> Operation[ScheduleRecord]:
        """Return one; raises ScheduleNotFound."""
        records = yield from self._records([name])
        if not records:
            raise ScheduleNotFound(name)
        return records[0]

    def list(self, tenant: str | None) -> Operation[ScheduleRecords]:
        """Return all, by name."""
        (names,) = yield Commands([("HKEYS", self._core.keys.schedules)])
        records = yield from self._records(sorted(map(text, names)))
        return [record for record in records if tenant in {None, record.tenant}]

    def soonest(self, most: int) -> Operation[tuple[ScheduleRecords, int]]:
        """Return those that fire next, and how many others there are."""
        keys = self._core.keys
        names, count = yield Commands([("ZRANGE", keys.schedule_due, 0, most - 1), ("HLEN", keys.schedules)])
        records = yield from self._records([text(name) for name in names])
        return records, max(count - len(records), 0)

    def pause(self, name: str) -> Operation[ScheduleRecord]:
        """Fire it no more until it is resumed; raises ScheduleNotFound."""
        (known,) = yield Calls([self._calls.pause(name)])
        if not known:
            raise ScheduleNotFound(name)
        return (yield from self.get(name))

    def resume(self, name: str) -> Operation[ScheduleRecord]:
        """Fire it again; raises ScheduleNotFound, or InvalidRequest for a definition of a later version."""
        resumed = False
        while not resumed:  # until nobody has changed it between reading and writing
            now = yield from self._now()
            definition, (generation, anchor, planned) = yield Commands(
                [
                    ("HGET", self._core.keys.schedules, name),
                    ("HMGET", self._core.keys.schedule(name), "generation", "anchor", "next"),
                ]
            )
            if definition is None or generation is None:
                raise ScheduleNotFound(name)
            read_ms = int(planned) if planned else None
            recurrence = read_definition(definition).recurrence(int(anchor))
            next_ms = _next(recurrence, read_ms, milliseconds(now))
            (resumed,) = yield Calls([self._calls.resume(name, text(generation), read_ms, next_ms)])
        return (yield from self.get(name))

    def remove(self, name: str) -> Operation[bool]:
        """Forget it, its jobs not; returns whether it was there."""
        (removed,) = yield Calls([self._calls.remove(name)])
        return bool(removed)

    def run(self, name: str) -> Operation[str]:
        """Write a job of it now, beside its times, and return the id. Raises ScheduleNotFound or InvalidRequest."""
        (definition,) = yield Commands([("HGET", self._core.keys.schedules, name)])
        if definition is None:
            raise ScheduleNotFound(name)
        schedule = read_definition(definition)
        if schedule.request_blob is not None:
            (schedule,) = yield InBlobs(partial(whole_schedule, schedule))
        check = yield from self._core.check(schedule.kind)
        limit = self._core.settings.largest_request_bytes
        job = job_of(schedule, check, new_job_id(), None, max_request_bytes=limit)
        return (yield from self._core.write(job)).id

    def _now(self) -> Operation[datetime]:
        """Return the time of Redis, by which schedules are fired."""
        ((seconds, micros),) = yield Commands([("TIME",)])
        return moment(int(seconds) * 1000 + int(micros) // 1000)

    def _records(self, names: Sequence[str]) -> Operation[ScheduleRecords]:
        if not names:
            return []
        keys = self._core.keys
        definitions, *states = yield Commands(
            [("HMGET", keys.schedules, *names), *(("HGETALL", keys.schedule(name)) for name in names)]
        )
        last = [fields.get(b"last_job", b"") for fields in states]
        jobs = yield Commands([("HGET", keys.job(text(job_id)), "state") for job_id in last])
        found = zip(names, definitions, states, jobs, strict=True)
        records = [
            readable([(name, definition)], partial(read_schedule, fields=fields, last_state=state))
            for name, definition, fields, state in found
            if definition
        ]
        return [record for record in chain.from_iterable(records) if record]


def _next(recurrence: Recurrence, planned_ms: int | None, now_ms: int) -> int | None:
    """Return what a schedule that is resumed does next: what it has missed is for its policy to decide.

    Else it is planned anew, which sets right what a clock that was ahead for a while has planned too late.
    """
    return planned_ms if planned_ms is not None and planned_ms <= now_ms else recurrence.after(now_ms)
