"""The scheduler: what is due becomes a job, and the next moment is planned. The elected worker's does it.

Both happen in one step of the store, under an id that follows from the schedule and the moment: two workers that
believe to be elected, or one that is killed at any point, make one job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import redis

from backdesk.worker.attempt.known_kinds import KnownKinds
from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.schedule import FiringError, Overlap, Plan, Schedule, firing_id, plan
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.store.key_watch import LONGEST_WAIT_S, KeyWatch
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.moments import moment
from backdesk.worker.store.schedules import FireCode, RipeSchedule, ScheduleCalls, read_definition
from backdesk.worker.store.scripts import Call, run, run_pipelined
from backdesk.worker.submit.admission import refused
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import check_in, whole_schedule
from backdesk.worker.submit.scheduled import job_of

log = logging.getLogger(__name__)

#: Schedules read and fired in one round, and rounds of one tick; the rest waits for the next tick.
BATCH = 50
MAX_ROUNDS = 20
#: Twice in the shortest interval, so that none of its moments is passed over. Seconds.
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Firing:
    """What is to be done about one schedule whose moment has come."""

    ripe: RipeSchedule
    plan: Plan
    overlap: Overlap = Overlap.ALLOW
    job: NewJob | None = None
    error: FiringError | None = None
    #: Whose schedule it is, "" where that cannot be read.
    tenant: str = ""

    @property
    def planned_ms(self) -> int:
        """The moment that it is about."""
        return self.ripe.planned_ms if self.plan.moment is None else self.plan.moment


class Scheduler(PeriodicService):
    """Fires schedules, while `leads` says that this worker is the elected one. `clock` gives ms in tests."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        kinds: Mapping[str, TaskSpec],
        leads: Callable[[], bool],
        clock: Callable[[], int] | None = None,
    ) -> None:
        # A thread of its own: a morning at nine with a thousand schedules holds up no other maintenance.
        self._watch = KeyWatch(client)
        self._look_every_s = min(settings.tick_s, LOOK_EVERY_S)
        super().__init__(
            Periodic("scheduler", LONGEST_WAIT_S, self.tick, retry_s=self._look_every_s, watch=self._watch)
        )
        self._client = client
        self._settings = settings
        self._kinds = KnownKinds(client, settings, kinds)
        self._leads = leads
        self._blobs = blobs_of(settings)
        self._calls = ScheduleCalls(settings, clock)
        self._due = Keys(settings.prefix).schedule_due

    def tick(self) -> float | None:
        """Fire what is due now, `BATCH * MAX_ROUNDS` schedules at most. Idempotent.

        Gives in how many seconds to look again; None when there is nothing to fire ever.
        """
        if not self._leads() or self._watch.read(("EXISTS", self._due)) == [0]:
            return None
        for _ in range(MAX_ROUNDS):
            if not self._leads() or self._round() < BATCH:
                break
        return self._look_every_s

    def _round(self) -> int:
        now_ms, ripe = run(self._client, self._calls.ripe(BATCH))
        firings = [self._decide(each, now_ms) for each in ripe]
        self._fire(self._fire(firings, now_ms), now_ms)
        return len(ripe)

    def _fire(self, firings: Sequence[Firing], now_ms: int) -> list[Firing]:
        """Fire, and return those that the store has refused, with the error that is to be noted."""
        if not firings:
            return []
        to_note = []
        answers = run_pipelined(self._client, [self._call(firing) for firing in firings])
        for firing, answer in zip(firings, answers, strict=True):
            if isinstance(answer, Exception):
                raise answer
            code, found = answer
            if code is FireCode.STORE_FULL:
                continue  # its moment stays, and is looked at again when there is room
            if firing.job and (error := refused(code, found, tenant=firing.job.tenant)):
                to_note.append(replace(firing, job=None, error=_error(error, firing.planned_ms, now_ms)))
            else:
                _tell(firing, code, found)
        return to_note

    def _call(self, firing: Firing) -> Call[tuple[FireCode, str]]:
        ripe, job, tenant = firing.ripe, firing.job, firing.tenant
        return self._calls.fire(ripe, firing.plan, firing.overlap, job, firing.error, tenant=tenant)

    def _decide(self, ripe: RipeSchedule, now_ms: int) -> Firing:
        try:
            schedule = read_definition(ripe.definition)
            planned = plan(schedule.recurrence(ripe.anchor_ms), ripe.planned_ms, now_ms, schedule.missed)
        except Exception as error:  # noqa: BLE001 - a zone unknown here, or the definition of a later version
            # Whoever is elected next may understand it, so the moment stays.
            return Firing(ripe, Plan(None, 0, ripe.planned_ms), error=_error(error, ripe.planned_ms, now_ms))
        if planned.moment is None:
            return Firing(ripe, planned, tenant=schedule.tenant)
        try:
            job = self._job(schedule, ripe, planned.moment, now_ms)
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - one schedule must not hold up the others
            return Firing(ripe, planned, error=_error(error, planned.moment, now_ms), tenant=schedule.tenant)
        return Firing(ripe, planned, schedule.overlap, job, tenant=schedule.tenant)

    def _job(self, schedule: Schedule, ripe: RipeSchedule, moment_ms: int, now_ms: int) -> NewJob:
        whole = whole_schedule(schedule, self._blobs.store) if schedule.request_blob else schedule
        job = job_of(
            whole,
            self._kinds.check(schedule.kind),
            firing_id(schedule.name, ripe.generation, moment_ms),
            moment(moment_ms),
            max_request_bytes=self._settings.largest_request_bytes,
            now=moment(now_ms),
        )
        if len(job.request) <= self._settings.inline_request_bytes:
            return job
        return check_in(job, self._blobs.store)


def _error(error: Exception, planned_ms: int, now_ms: int) -> FiringError:
    fields = error.fields if isinstance(error, InvalidRequest) else {}
    message = str(error) if isinstance(error, InvalidRequest) else f"{type(error).__name__}: {error}"
    return FiringError(message=message, fields=fields, planned_at=moment(planned_ms), at=moment(now_ms))


def _tell(firing: Firing, code: FireCode, job_id: str) -> None:
    if code is FireCode.CHANGED:
        return
    facts = {
        "schedule": firing.ripe.name,
        "planned_at": moment(firing.planned_ms).isoformat(),
    }
    if firing.plan.passed:
        log.warning("schedule_missed", extra=facts | {"count": firing.plan.passed})
    if firing.error:
        log.warning("schedule_failed", extra=facts | {"error": firing.error.message})
    elif code is FireCode.SKIPPED:
        log.info("schedule_skipped", extra=facts | {"job_id": job_id})
    elif code is FireCode.FIRED:
        log.info("schedule_fired", extra=facts | {"job_id": job_id})
