"""What is left to judge by when a run is over: what the job store says, and what the bodies wrote down themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import redis

from backdesk.worker.model.asks import DONE, LedgerEntry
from backdesk.worker.model.events import EventType, JobEvent
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.settings import Settings, celery_queue
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.records import read_record
from backdesk.worker.store.remains import Remains
from tests.chaos.books import read_books
from tests.chaos.orders import HEAVY, HEAVY_SLOTS, Order
from tests.chaos.script import Script
from tests.chaos.witness import AttemptRow, ChargeRow, EntryRow, RunRow, Witness
from tests.support.upkeep import leaks

R = TypeVar("R", AttemptRow, RunRow, ChargeRow)
OfStep = tuple[str, str]
#: Since when, by the clock of the wall, the clock of Redis was how far ahead, in seconds: never at all.
NEVER_SET = ((0.0, 0.0),)


@dataclass(frozen=True)
class JobEvidence:
    """All that the store has of one job."""

    record: JobRecord
    events: list[JobEvent]
    ledger: dict[str, LedgerEntry] = field(default_factory=dict)
    children: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return self.record.id

    @cached_property
    def script(self) -> Script:
        """What it was asked to do."""
        return Script.model_validate(self.record.request)

    @property
    def slots(self) -> int:
        """How many slots of its worker it takes."""
        return self.record.slots or (HEAVY_SLOTS if self.record.kind == HEAVY else 1)

    @property
    def completed(self) -> dict[str, LedgerEntry]:
        """The steps that the ledger holds as done, by key."""
        prefix = "step:"
        steps = {name.removeprefix(prefix): entry for name, entry in self.ledger.items() if name.startswith(prefix)}
        return {key: entry for key, entry in steps.items() if entry.state == "done"}


@dataclass(frozen=True)
class Evidence:
    """Both sides of a run."""

    orders: dict[str, Order]
    acknowledged: frozenset[str]
    jobs: dict[str, JobEvidence]
    attempts: list[AttemptRow] = field(default_factory=list)
    runs: list[RunRow] = field(default_factory=list)
    charges: list[ChargeRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    #: Jobs that the archive has.
    archived: frozenset[str] = frozenset()
    #: Jobs of which Redis and the archive have something else each.
    contrary: list[str] = field(default_factory=list)
    #: Keys that should be gone, or that contradict the records.
    leftovers: list[str] = field(default_factory=list)
    #: Workers that took no job of a muster at the end.
    absent: list[str] = field(default_factory=list)
    #: Workers that ended though nobody had seen to it.
    deserters: list[str] = field(default_factory=list)
    #: The processes that were killed or frozen; all others could keep their jobs.
    struck: frozenset[int] = frozenset()
    #: How many slots each worker of agents has.
    slots: int = 0
    #: Whether Redis has lost writes that it had answered, so that attempts began whose number was given again.
    forgotten: bool = False

    @cached_property
    def runs_of(self) -> dict[OfStep, list[RunRow]]:
        """The executions of each step."""
        return _by_step(self.runs)

    @cached_property
    def charges_of(self) -> dict[OfStep, list[ChargeRow]]:
        """The effects of each unsafe step."""
        return _by_step(self.charges)

    def events(self) -> Iterator[tuple[JobEvidence, JobEvent]]:
        """Every event of every job."""
        for job in self.jobs.values():
            for event in job.events:
                yield job, event


def _by_step(rows: Iterable[Any]) -> dict[OfStep, list[Any]]:
    found: dict[OfStep, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.job, row.step].append(row)
    return found


def gather(
    client: redis.Redis,
    settings: Settings,
    witness: Witness,
    *,
    orders: Sequence[Order],
    acknowledged: Iterable[str],
    absent: list[str],
    deserters: list[str],
    struck: Iterable[int] = (),
    forgotten: bool = False,
    slots: int = 0,
    clock: Sequence[tuple[float, float]] = NEVER_SET,
) -> Evidence:
    """Read everything that there is; `clock` says how the one of Redis was set, as `NEVER_SET`."""
    keys = Keys(settings.prefix)
    books = read_books(client, settings)
    return Evidence(
        orders={order.job_id: order for order in orders},
        acknowledged=frozenset(acknowledged),
        jobs={job_id: _job(client, keys, job_id, its, clock) for job_id, its in sorted(books.jobs.items())},
        archived=books.archived,
        contrary=books.contrary,
        attempts=witness.attempts(),
        runs=witness.runs(),
        charges=witness.charges(),
        entries=witness.entries(),
        leftovers=_lasting(lambda: [*leaks(client, settings.prefix), *_unfinished(client, keys, settings)]),
        absent=absent,
        deserters=deserters,
        struck=frozenset(struck),
        forgotten=forgotten,
        slots=slots,
    )


def _lasting(look: Callable[[], list[str]]) -> list[str]:
    """What is there at two looks: what is there at one was on its way to the archive."""
    first = {*look()}
    return [found for found in look() if found in first] if first else []


def _job(
    client: redis.Redis, keys: Keys, job_id: str, its: Remains, clock: Sequence[tuple[float, float]]
) -> JobEvidence:
    asked: Any = client.hvals(keys.awaiting(job_id))
    record = read_record(job_id, its.fields, its.logged, asked)
    assert record is not None, f"{job_id} was listed and is gone"
    entries = {text(name): LedgerEntry.model_validate_json(raw) for name, raw in its.ledger.items()}
    events = [_told_by_wall(event, clock) for event in its.events(job_id)]
    if record.state is JobState.SUCCEEDED:
        entries = dict(told_of_steps(events))
    return JobEvidence(record, events, entries, frozenset(map(text, its.children)))


def told_of_steps(events: Iterable[JobEvent]) -> Iterator[tuple[str, LedgerEntry]]:
    """The steps of a job that has succeeded and forgotten its ledger: no value, but the attempt, or by whom."""
    for event in events:
        if event.type == EventType.STEP:
            yield f"step:{event.data['key']}", LedgerEntry(state="done", value={"attempt": event.attempt})
        elif event.type == EventType.ANSWERED and event.data.get("decision") == DONE:
            step = event.data["name"].removeprefix("outcome:")
            yield f"step:{step}", LedgerEntry(state="done", value={"by_hand": 1})


def _told_by_wall(event: JobEvent, clock: Sequence[tuple[float, float]]) -> JobEvent:
    at = by_wall(event.at.timestamp(), clock)
    return event.model_copy(update={"at": datetime.fromtimestamp(at, UTC)})


def by_wall(at: float, clock: Sequence[tuple[float, float]]) -> float:
    """Return what a moment of Redis' clock, in seconds since 1970, was by the clock of the wall."""
    return at - next(ahead_s for since, ahead_s in reversed(clock) if at >= since + ahead_s)


def _unfinished(client: redis.Redis, keys: Keys, settings: Settings) -> Iterator[str]:
    """What lists work that is to be done or being done; with nothing to do, all of it is gone."""
    # The last two are kombu's: what a worker has read and neither run nor given back.
    named = [keys.leases, keys.due, keys.expiring, keys.stopping, "unacked", "unacked_index"]
    for queue in settings.queues:
        named += [keys.window(queue), keys.lane(queue), celery_queue(settings.prefix, queue)]
        named += [text(name) for name in client.scan_iter(keys.line(queue, "*", "*"))]
    named += [text(name) for name in client.scan_iter(keys.stranded("*"))]
    named += [text(name) for name in client.scan_iter(keys.awaiting("*"))]
    for name in named:
        if client.exists(name):
            yield f"{name} is not empty"
