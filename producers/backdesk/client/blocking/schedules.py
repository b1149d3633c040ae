"""Schedules: jobs that are asked for again and again."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from backdesk.client.blocking.job import Job
from backdesk.client.contracts import TypedKind, read_kind
from backdesk.client.operations.schedules import KeptSchedule, ScheduleOperations, ScheduleRecords
from backdesk.client.over_http.served import served
from backdesk.worker.model.options import JobOptions, Options
from backdesk.worker.model.schedule import Missed, Overlap, ScheduleRecord, Timing

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class Schedules:
    """The schedules of a deployment, `client.schedules`."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, ScheduleOperations)

    def add(
        self,
        name: str,
        kind: str | TypedKind[Any, Any],
        request: object,
        *,
        cron: str | None = None,
        every: float | timedelta | None = None,
        timezone: str = "UTC",
        missed: Missed | str = Missed.ONCE,
        overlap: Overlap | str = Overlap.ALLOW,
        starts: datetime | None = None,
        ends: datetime | None = None,
        paused: bool = False,
        replace: bool = False,
        **options: Unpack[Options],
    ) -> KeptSchedule:
        """Keep a schedule: the elected worker submits a job of it at each of its moments, once, within about a second.

        Give `cron` (five fields, or such as `@daily`), read in `timezone`, or `every` (seconds or a timedelta, from one
        second on), counted from `starts` or else from now. It fires from `starts` to `ends`, both included; naive ones
        are taken in `timezone`. The options are those of `submit` that can be repeated; `expires` and `start_by` count
        from each firing. `missed` says what becomes of moments at which no worker was alive or the schedule was paused:
        `once` fires for the last of them, `skip` for none. `overlap="skip"` leaves out a moment at which the last job
        goes on.

        The same name with the same definition is left alone; with another one that is ScheduleExists, unless `replace`
        is given: then the counts stay, and so does a pause. Raises InvalidRequest before anything is written.
        """
        timing = Timing(cron, every, timezone, starts, ends, missed, overlap)
        meant, wanted = read_kind(kind), JobOptions(**options)
        return self._client.do(
            self._operations.add(name, meant, request, wanted, timing, paused=paused, replace=replace)
        )

    def list(self, *, tenant: str | None = None) -> ScheduleRecords:
        """Return the schedules, by name. Not atomic."""
        return self._client.do(self._operations.list(tenant))

    def get(self, name: str) -> ScheduleRecord:
        """Return a schedule: its definition, when it fires next, and what has become of it; raises ScheduleNotFound."""
        return self._client.do(self._operations.get(name))

    def pause(self, name: str) -> ScheduleRecord:
        """Fire a schedule no more until it is resumed. Idempotent. Raises ScheduleNotFound."""
        return self._client.do(self._operations.pause(name))

    def resume(self, name: str) -> ScheduleRecord:
        """Fire a schedule again; what it has missed is for its policy. Idempotent. Raises ScheduleNotFound."""
        return self._client.do(self._operations.resume(name))

    def remove(self, name: str) -> bool:
        """Forget a schedule, and leave its jobs alone; returns whether it was there."""
        return self._client.do(self._operations.remove(name))

    def run(self, name: str) -> Job[Any]:
        """Submit a job of a schedule now, beside its times and uncounted.

        Raises ScheduleNotFound, and InvalidRequest when its request does not fit the kind any more.
        """
        return Job(self._client.do(self._operations.run(name)), True, self._client)
