"""The figures of a deployment, read in four round trips however many jobs and tenants there are.

What is read grows with kinds, services and workers alone, of which so many are looked at. A generator, as the
operations of clients are: it yields what to ask of Redis and is sent the replies, so that blocking and asyncio callers
share it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import redis

from backdesk.worker.memory.ends import Ends, EndsCalls, Group
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.fields import read_object, readable
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import Call, run

T = TypeVar("T")

Command = tuple[Any, ...]
#: Yields commands for one round trip, answered with the list of their replies, or a call, answered with its value.
Reading = Generator[Sequence[Command] | Call[Any], Any, T]

#: Of each so many are told: the kinds that workers had last, the services, the workers that were announced last.
MOST_KINDS, MOST_SERVICES, MOST_WORKERS = 1000, 1000, 1000
#: Which queue a kind belongs to is believed for this long. Seconds.
QUEUES_FRESH_S = 60.0
#: A schedule that is due for longer than this was missed, or nobody fires any. Milliseconds.
LATE_MS = 60_000
#: Asks without a deadline are listed from here on, as in `asking.lua`.
AT_ANY_TIME_MS = 1e14
#: Replies for each kind: how many are queued, since when the oldest, how many have failed for good.
_OF_KIND = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """The jobs of a kind that are queued, for how many seconds the oldest of them is, and its dead letters."""

    queued: int
    oldest_s: float
    dead: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What is to be told of a deployment. `plain` are the numbers without labels, by the names of their metrics."""

    plain: dict[str, float]
    states: dict[str, int]
    slots: dict[str, int]
    delivered: dict[str, int]
    running: dict[str, int]
    waiting: dict[Group, Waiting]
    workers: list[WorkerFacts]
    breakers: dict[str, str]
    ended: dict[Group, Ends]


class DeploymentReading:
    """Reads the figures of one deployment, time and again. Not safe for use by two threads at once.

    `clock` gives ms in tests; by default the time is that of Redis.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        self._clock = clock
        self._keys = Keys(settings.prefix)
        self._queues = settings.queues
        self._ends = EndsCalls(settings)
        self._queue_of: dict[str, str] = {}
        self._queues_read_at = float("-inf")

    def read(self) -> Reading[Figures]:
        """Read all figures. Not atomic."""
        keys = self._keys
        (seconds, micros), seen, services, alive = yield [
            ("TIME",),
            ("ZREVRANGE", keys.kinds_seen, 0, MOST_KINDS - 1),
            ("ZRANGE", keys.resources, 0, MOST_SERVICES - 1),
            ("ZREVRANGE", keys.workers, 0, MOST_WORKERS - 1, "WITHSCORES"),
        ]
        now_ms = self._clock() if self._clock else int(seconds) * 1000 + int(micros) // 1000
        kinds, resources = sorted(map(text, seen)), sorted(map(text, services))
        workers = sorted(text(name) for name, until in alive if float(until) > now_ms)
        yield from self._find_queues(kinds)
        plain = _plain(keys, now_ms)
        replies = yield [
            *(("ZCARD", keys.state(state)) for state in JobState),
            *plain.values(),
            *self._of_queues(),
            *(command for kind in kinds for command in self._of_kind(kind)),
            *(("HGET", keys.breaker(name), "state") for name in resources),
            *(("GET", keys.worker(name)) for name in workers),
        ]
        told = iter(replies)
        states = {state.value: next(told) for state in JobState}
        numbers = _numbers({name: next(told) for name in plain})
        slots, delivered, running = self._read_queues(told)
        return Figures(
            plain=numbers,
            states=states,
            slots=slots,
            delivered=delivered,
            running=running,
            waiting={
                (self._queue_of.get(kind, ""), kind): _waiting([next(told) for _ in range(_OF_KIND)], now_ms)
                for kind in kinds
            },
            breakers={name: text(next(told) or BreakerState.CLOSED) for name in resources},
            workers=_announced({name: next(told) for name in workers}),
            ended=(yield self._ends.totals()),
        )

    def _find_queues(self, kinds: Sequence[str]) -> Reading[None]:
        """Learn the queues of kinds: of those that are new, and at times of all."""
        if time.monotonic() - self._queues_read_at > QUEUES_FRESH_S:
            self._queue_of, self._queues_read_at = {}, time.monotonic()
        unknown = [kind for kind in kinds if kind not in self._queue_of]
        if unknown:
            (contracts,) = yield [("HMGET", self._keys.kinds, *unknown)]
            found = {kind: raw for kind, raw in zip(unknown, contracts, strict=True) if raw}
            self._queue_of |= dict(readable(found.items(), _kind_and_queue))

    def _of_queues(self) -> list[Command]:
        keys, flows = self._keys, [f"{what} {queue}" for queue in self._queues for what in ("queue", "surplus")]
        windows = [("ZCARD", keys.window(queue)) for queue in self._queues]
        return [("HGETALL", keys.slots), *windows, ("HMGET", keys.flow, *flows)]

    def _read_queues(self, replies: Iterator[Any]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        slots = {text(queue): int(count) for queue, count in next(replies).items()}
        delivered = {queue: next(replies) for queue in self._queues}
        flow = [int(float(each or 0)) for each in next(replies)]
        # Of the slots that are taken, those beyond one a job.
        busy = [taken - surplus for taken, surplus in zip(flow[::2], flow[1::2], strict=True)]
        running = {queue: max(jobs - delivered[queue], 0) for queue, jobs in zip(self._queues, busy, strict=True)}
        return {queue: slots.get(queue, 0) for queue in self._queues}, delivered, running

    def _of_kind(self, kind: str) -> list[Command]:
        keys = self._keys
        queued = keys.jobs_of_kind(kind, JobState.QUEUED)
        dead = keys.jobs_of_kind(kind, JobState.FAILED)
        return [("ZCARD", queued), ("ZRANGE", queued, 0, 0, "WITHSCORES"), ("ZCARD", dead)]


def read_now(client: redis.Redis, reading: Reading[T]) -> T:
    """Carry out a reading; raises what redis-py raises."""
    try:
        step = next(reading)
        while True:
            step = reading.send(run(client, step) if isinstance(step, Call) else _replies(client, step))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns


def _replies(client: redis.Redis, commands: Sequence[Command]) -> list[Any]:
    with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return pipe.execute()


def _waiting(replies: Sequence[Any], now_ms: int) -> Waiting:
    queued, oldest, dead = replies
    return Waiting(queued, max(now_ms - float(oldest[0][1]), 0) / 1000 if oldest else 0.0, dead)


def _announced(told: Mapping[str, bytes | None]) -> list[WorkerFacts]:
    known = [(name, raw) for name, raw in told.items() if raw]
    return [*readable(known, WorkerFacts.model_validate_json)]


def _kind_and_queue(contract: bytes) -> tuple[str, str]:
    read = read_object(contract)
    return str(read["kind"]), str(read["queue"])


def _plain(keys: Keys, now_ms: int) -> dict[str, Command]:
    """Return what to ask for the numbers without labels, by their names."""
    return {
        "workers": ("ZCOUNT", keys.workers, f"({now_ms}", "+inf"),
        "leader": ("EXISTS", keys.leader),
        "leases": ("ZCARD", keys.leases),
        "leases_expired": ("ZCOUNT", keys.leases, "-inf", now_ms),
        "limits_holding": ("ZCARD", keys.limited),
        "places_held": ("HLEN", keys.held),
        "pauses": ("HLEN", keys.pauses),
        "asks_open": ("ZCARD", keys.asks),
        "asks_next_deadline_timestamp_seconds": ("ZRANGE", keys.asks, 0, 0, "WITHSCORES"),
        "schedules": ("HLEN", keys.schedules),
        "schedules_late": ("ZCOUNT", keys.schedule_due, "-inf", now_ms - LATE_MS),
        "tenants": ("SCARD", keys.tenants),
        "store_full": ("EXISTS", keys.full),
        "jobs_overdue": ("ZCOUNT", keys.forgetting, "-inf", now_ms),
        "archive_failing": ("HEXISTS", keys.archive, "error"),
        "jobs_archived": ("HGET", keys.archive, "archived"),
        "jobs_lost": ("HGET", keys.archive, "lost"),
        "flow_put_right": ("HGET", keys.recount, "put_right"),
        "jobs_repaired": ("HGETALL", keys.sweep),
    }


def _numbers(told: dict[str, Any]) -> dict[str, float]:
    """Return the numbers; that of the next deadline is left out while there is none."""
    soonest, swept = told.pop("asks_next_deadline_timestamp_seconds"), told.pop("jobs_repaired")
    numbers = {name: float(value or 0) for name, value in told.items()}
    numbers["jobs_repaired"] = sum(int(count) for name, count in swept.items() if name.startswith(b"repaired "))
    if soonest and float(soonest[0][1]) < AT_ANY_TIME_MS:
        numbers["asks_next_deadline_timestamp_seconds"] = float(soonest[0][1]) / 1000
    return numbers
