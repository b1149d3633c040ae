"""What the elected worker sees to: of each concern the call of the store, and what is made of its answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.services import Reservations
from backdesk.worker.store.upkeep import BATCH, Recounted

log = logging.getLogger(__name__)

#: Everything is counted anew so often, in case a count went wrong.
RECOUNT_EVERY_TICKS = 60


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that is seen to in rounds, each a call of the store."""

    name: str
    #: Gives what is asked in the next round.
    ask: Callable[[], Call[Any]]
    #: Takes the answers of as many rounds as it needs; each comes when it is asked for.
    see_to: Callable[[Iterable[Any]], object]
    #: Ticks from one time that it is seen to, to the next.
    every: int = 1


def concerns(settings: Settings) -> list[Concern]:
    """Return all of them in their order: pruning makes room where Redis is full."""
    calls, released, recount = Transitions(settings), _Release(settings), _Recount(settings)
    queues = [
        Concern("redispatch", partial(calls.redispatch, queue), partial(_tell_redispatched, queue))
        for queue in settings.queues
    ]
    return [
        Concern("prune", calls.prune, repeat),
        Concern("release", released.ask, released.see_to),
        Concern("promote", calls.promote, repeat),
        Concern("expire", calls.expire, repeat),
        Concern("disband", calls.disband, exhaust),
        Concern("reap", calls.reap, _tell_reaped),
        *queues,
        Concern("sweep", calls.sweep, _tell_swept),
        Concern("relist", calls.relist, _tell_relisted),
        Concern("audit", calls.audit, _tell_audited),
        Concern("recount", recount.ask, recount.see_to),
        Concern("muster", calls.muster, _tell_mustered, RECOUNT_EVERY_TICKS),
    ]


def exhaust(answers: Iterable[bool]) -> None:
    """Go on until nothing is left to do."""
    for more in answers:
        if not more:
            return


def repeat(answers: Iterable[int]) -> int:
    """Go on until there is less than a batch to do; gives how much there was."""
    done = 0
    for batch in answers:
        done += batch
        if batch < BATCH:
            break
    return done


class _Release:
    """The look at the limits that hold jobs, which goes on from tick to tick."""

    def __init__(self, settings: Settings) -> None:
        self._reservations = Reservations(settings)
        self._seen_to = "0"

    def ask(self) -> Call[tuple[int, str]]:
        return self._reservations.release(self._seen_to)

    def see_to(self, answers: Iterable[tuple[int, str]]) -> None:
        for _, self._seen_to in answers:
            if self._seen_to == "0":
                return


class _Recount:
    """The recount of the flow, a part a round, begun now and then and finished in the same tick or the next ones."""

    def __init__(self, settings: Settings) -> None:
        self._calls = Transitions(settings)
        self._times = 0
        self._begins = True

    def ask(self) -> Call[Recounted]:
        return self._calls.recount(begin=self._begins)

    def see_to(self, parts: Iterable[Recounted]) -> None:
        for part in parts:
            self._begins = False
            if part.over:
                if part.put_right:
                    log.warning("flow_put_right", extra={"count": part.put_right, "examples": part.examples})
                break
        self._times += 1
        self._begins = self._times % RECOUNT_EVERY_TICKS == 0


def _tell_reaped(answers: Iterable[list[str]]) -> None:
    for lost in answers:
        for job_id in lost:
            log.warning("lease_expired", extra={"job_id": job_id})
        if len(lost) < BATCH:
            return


def _tell_redispatched(queue: str, answers: Iterable[int]) -> None:
    if repeated := repeat(answers):
        log.warning("deliveries_repeated", extra={"queue": queue, "count": repeated})


def _tell_swept(answers: Iterable[list[tuple[str, str]]]) -> None:
    for what, job_id in next(iter(answers)):
        log.warning("job_repaired", extra={"job_id": job_id, "reason": what})


def _tell_relisted(answers: Iterable[int]) -> None:
    """Go on while there is something to do: after an upgrade no job that has ended may be listed yet."""
    listed = 0
    for mended in answers:
        listed += mended
        if not mended:
            break
    if listed:
        log.info("jobs_listed", extra={"count": listed})


def _tell_audited(answers: Iterable[list[tuple[str, int, int]]]) -> None:
    for tenant, jobs, size in next(iter(answers)):
        log.warning("backlog_put_right", extra={"tenant": tenant, "jobs": jobs, "bytes": size})


def _tell_mustered(answers: Iterable[int]) -> None:
    if wrong := next(iter(answers)):
        log.warning("fleet_put_right", extra={"count": wrong})
