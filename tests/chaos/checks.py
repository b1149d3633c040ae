"""What must hold when a run is over. Each check compares two things that were written by different hands.

A check is a function of the evidence that names the offenders; nothing to name is the proof. Each is shown to fail on
a planted violation in `test_checks.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from backdesk.worker.model.events import TERMINAL_EVENTS, EventType
from backdesk.worker.model.job import JobState
from tests.chaos.evidence import Evidence, JobEvidence
from tests.chaos.orders import HEAVY, HEAVY_CAP
from tests.chaos.script import Done, Doomed, expected, steps
from tests.chaos.witness import RunRow

Check = Callable[[Evidence], Iterator[str]]
CHECKS: dict[str, Check] = {}
#: From when to when an attempt of a job takes its slots, in seconds.
Span = tuple[float, float, JobEvidence]
#: What says that an attempt has ended.
LEAVING = TERMINAL_EVENTS | {
    EventType.QUEUED,
    EventType.SCHEDULED,
    EventType.RETRYING,
    EventType.WAITING,
    EventType.LIMITED,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    offenders: list[str]

    @property
    def ok(self) -> bool:
        return not self.offenders


def check_all(evidence: Evidence) -> list[Finding]:
    """Make every check."""
    return [Finding(name, [*check(evidence)]) for name, check in CHECKS.items()]


def check(name: str) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


@check("no acknowledged job is lost")
def nothing_lost(evidence: Evidence) -> Iterator[str]:
    for job_id in sorted(evidence.acknowledged - evidence.jobs.keys()):
        yield f"{job_id} was acknowledged and has no record"
    for job in evidence.jobs.values():
        if job.record.parent is None and job.id not in evidence.orders:
            yield f"{job.id} was never ordered"


@check("Redis and the archive have the same of a job that both have")
def nothing_contrary(evidence: Evidence) -> Iterator[str]:
    yield from (f"{job_id} is in Redis and in the archive, and not the same" for job_id in evidence.contrary)


@check("every job has ended")
def all_ended(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        if not job.record.done:
            asks = [ask.name for ask in job.record.asks]
            yield f"{job.id} ({job.record.kind}) is {job.record.state}, attempt {job.record.attempt}, asks {asks}"


@check("every job ended as it was ordered to")
def ended_as_ordered(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        order = evidence.orders.get(job.id)
        ends = order.ends if order else _ends_of_child(evidence, job)
        code = job.record.error.code if job.record.error else ""
        if job.record.done and not {job.record.state, code} & ends:
            said = job.record.error.message if job.record.error else ""
            yield f"{job.id} ({order.label if order else 'child'}) {job.record.state} [{code}] {said}"


def _ends_of_child(evidence: Evidence, job: JobEvidence) -> frozenset[str]:
    parent = evidence.jobs.get(job.record.parent or "")
    stopped = parent is not None and parent.record.state is not JobState.SUCCEEDED
    return frozenset({JobState.SUCCEEDED, JobState.CANCELLED} if stopped else {JobState.SUCCEEDED})


@check("every result is that of an undisturbed run")
def results_right(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        if job.record.state is not JobState.SUCCEEDED:
            continue
        try:
            right = expected(job.script.moves)
        except Doomed:
            yield f"{job.id} succeeded, and cannot have"
            continue
        done = Done.model_validate(job.record.result)
        if (done.total, done.heard) != (right.total, right.heard):
            yield f"{job.id} gave {done.total} {done.heard}, not {right.total} {right.heard}"


@check("events have no gap, and one end that is the last")
def events_whole(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        numbers = [event.seq for event in job.events]
        if numbers != [*range(1, len(numbers) + 1)]:
            yield f"{job.id} has events {numbers}"
        ends = [event.type for event in job.events if event.terminal]
        if job.record.done and (ends != [job.record.state] or not job.events[-1].terminal):
            yield f"{job.id} is {job.record.state}, its terminal events are {ends}"


@check("attempts begin one after the other")
def attempts_rise(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        begun = [event.attempt for event in job.events if event.type == EventType.STARTED]
        if begun != [*range(1, job.record.attempt + 1)]:
            yield f"{job.id} began attempts {begun} of {job.record.attempt}"
    if evidence.forgotten:
        return  # a number that Redis has lost is given to another body
    twice = [pair for pair, times in Counter((row.job, row.attempt) for row in evidence.attempts).items() if times > 1]
    for job_id, attempt in twice:
        yield f"attempt {attempt} of {job_id} ran in two bodies"


@check("all that is in the books of an attempt comes from one body")
def one_body(evidence: Evidence) -> Iterator[str]:
    """Two workers may run an attempt of one number, when Redis has lost the first claim; only one may write."""
    for job in evidence.jobs.values():
        bodies: defaultdict[int, set[int]] = defaultdict(set)
        for event in job.events:
            bodies[event.attempt].add(event.data.get("body", 0))
        kept = [entry.value for entry in job.completed.values()]
        for value in [*kept, *([job.record.result] if job.record.state is JobState.SUCCEEDED else [])]:
            if "attempt" in value:  # a step that was decided by hand is of none
                bodies[value["attempt"]].add(value.get("body", 0))
        for attempt, rows in bodies.items():
            if len(rows - {0}) > 1:
                yield f"{job.id} attempt {attempt} was written by bodies {sorted(rows - {0})}"


@check("nothing was accepted from an attempt after the next had begun")
def no_stale_write(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        latest = 0
        for event in job.events:
            said = event.data.get("attempt", event.attempt)
            if event.attempt < latest or said != event.attempt:
                yield f"{job.id} event {event.seq} ({event.type}) of attempt {said} stands in attempt {latest}"
            latest = max(latest, event.attempt)
        if job.record.state is JobState.SUCCEEDED and job.record.result["attempt"] != latest:
            yield f"{job.id} ended in attempt {latest} with the result of attempt {job.record.result['attempt']}"
        yield from _stale_entries(job)


def _stale_entries(job: JobEvidence) -> Iterator[str]:
    recorded = {event.data["key"]: event.attempt for event in job.events if event.type == EventType.STEP}
    for key, entry in job.completed.items():
        if not _by_hand(entry.value) and recorded.get(key) != entry.value["attempt"]:
            yield f"{job.id} step {key} of attempt {entry.value['attempt']} was recorded in {recorded.get(key)}"


def _by_hand(value: Any) -> bool:
    return "by_hand" in value


@check("every completed step ran to its end once, and never after its record")
def steps_once(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        keys = Counter(event.data["key"] for event in job.events if event.type == EventType.STEP)
        yield from (f"{job.id} recorded step {key} {times} times" for key, times in keys.items() if times > 1)
        for key, entry in job.completed.items():
            yield from _misruns(evidence, job, key, entry.value)
        # A body goes on, and ends, from a step whose answered record Redis has lost.
        if job.record.state is JobState.SUCCEEDED and not evidence.forgotten:
            for missing in {step.key for step in steps(job.script.moves)} - job.completed.keys():
                yield f"{job.id} succeeded without step {missing}"


def _misruns(evidence: Evidence, job: JobEvidence, key: str, value: Any) -> Iterator[str]:
    runs = evidence.runs_of.get((job.id, key), [])
    kept = [run for run in runs if _is_kept(run, value)]
    if not kept:
        told = ", ".join(f"{name} {value[name]}" for name in ("run", "attempt") if name in value)
        yield f"{job.id} step {key} is recorded, but its run ({told}) never was"
    elif all(run.ended is None for run in kept) and not _by_hand(value):
        yield f"{job.id} step {key} is recorded, but did not run to its end"
    if evidence.forgotten:
        return  # its record may have been lost, and then it ran again
    for attempt, times in Counter(run.attempt for run in runs).items():
        if times > 1:
            yield f"{job.id} step {key} ran {times} times in attempt {attempt}"
        if not _by_hand(value) and attempt > value["attempt"]:
            yield f"{job.id} step {key} ran in attempt {attempt}, after its record in attempt {value['attempt']}"


def _is_kept(run: RunRow, value: Any) -> bool:
    """Whether a step was recorded with what a run came to, by all that is known of that (`evidence.told_of_steps`)."""
    known = {"run": run.id, "attempt": run.attempt}
    return {**known, **value}.items() >= known.items()


@check("every idempotent effect was had once")
def entries_once(evidence: Evidence) -> Iterator[str]:
    had = {entry.key: entry.value for entry in evidence.entries}
    for job in evidence.jobs.values():
        for step in steps(job.script.moves):
            if step.effect == "idempotent" and step.key in job.completed:
                value = had.get(f"{job.id}:{step.key}")
                if value != step.value:
                    yield f"{job.id} step {step.key} should have left {step.value}, and left {value}"
    if evidence.forgotten:
        return  # a child that Redis has lost is called no more where its parent was withdrawn meanwhile
    known = {f"{job.id}:{step.key}" for job in evidence.jobs.values() for step in steps(job.script.moves)}
    yield from (f"{key} is the effect of no step" for key in had.keys() - known)


@check("every unsafe effect was had once, none twice")
def charges_once(evidence: Evidence) -> Iterator[str]:
    for (job_id, step), charges in evidence.charges_of.items():
        if len(charges) > 1:
            yield f"{job_id} step {step} took effect {len(charges)} times, in attempts {[c.attempt for c in charges]}"
    for job in evidence.jobs.values():
        for move in steps(job.script.moves):
            done = move.effect == "unsafe" and move.key in job.completed
            if done and (job.id, move.key) not in evidence.charges_of:
                yield f"{job.id} step {move.key} is done, and took no effect"


@check("the children of every job that succeeded are there, ended well, and before it")
def children_complete(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs.values():
        if job.record.state is not JobState.SUCCEEDED:
            continue
        called = sum(len(move.children) for move in job.script.moves)
        if len(job.children) != called:
            yield f"{job.id} has {len(job.children)} children of {called}"
        for child in map(evidence.jobs.get, job.children):
            if child is None or child.record.state is not JobState.SUCCEEDED:
                yield f"{job.id} succeeded without {child.id if child else 'a child'}"
            elif child.events[-1].at > job.events[-1].at:
                yield f"{child.id} ended after {job.id}, which needs it"


@check("no worker lost a job that was neither killed nor frozen")
def none_lost_in_vain(evidence: Evidence) -> Iterator[str]:
    """Whatever happens to Redis, its clock and the connections, who works is not taken for dead."""
    if evidence.forgotten:
        return  # an attempt whose end was lost renews no lease
    pids = {(row.job, row.attempt): row.pid for row in evidence.attempts}
    for job in evidence.jobs.values():
        for past in job.record.attempts:
            pid = pids.get((job.id, past.attempt))
            if past.outcome == "lost" and pid is not None and pid not in evidence.struck:
                yield f"{job.id} was taken from {past.worker}, whose process {pid} worked on attempt {past.attempt}"


@check("jobs that take several slots stay within the cap of their kind")
def cap_kept(evidence: Evidence) -> Iterator[str]:
    """By the books: an attempt takes its slots from its start to the event that says how it ended."""
    if evidence.forgotten:
        return  # an attempt whose start was lost is not counted any more
    heavy = (job for job in evidence.jobs.values() if job.record.kind == HEAVY)
    for at, taken, running in crowding((*times, job) for job in heavy for times in _attempts_of(job)):
        if taken > HEAVY_CAP and len(running) > 1:  # one that takes more than the cap runs alone
            yield f"{sorted(running)} took {taken} slots of {HEAVY_CAP} at {at:.3f}"


@check("no worker runs more than it has slots for")
def slots_kept(evidence: Evidence) -> Iterator[str]:
    """By the bodies, of which those of a worker for agents are in one process."""
    bodies: defaultdict[int, list[Span]] = defaultdict(list)
    for row in evidence.attempts:
        job = evidence.jobs.get(row.job)
        if job and job.record.queue == "agents" and row.ended is not None:
            bodies[row.pid].append((row.started, row.ended, job))
    for pid, spans in bodies.items():
        for at, taken, running in crowding(spans):
            if taken > evidence.slots:
                yield f"{sorted(running)} took {taken} slots of the {evidence.slots} of process {pid} at {at:.3f}"


def crowding(spans: Iterable[Span]) -> Iterator[tuple[float, int, list[str]]]:
    """How many slots are taken since each moment, and by which jobs, given from when to when each takes its own."""
    changes = [change for start, end, job in spans for change in ((start, 1, job), (end, 0, job))]
    taken, running = 0, Counter[str]()
    for at, begins, job in sorted(changes, key=itemgetter(0, 1)):  # at one moment, ends first
        taken += job.slots if begins else -job.slots
        running[job.id] += 1 if begins else -1
        yield at, taken, [*running.elements()]


def _attempts_of(job: JobEvidence) -> Iterator[tuple[float, float]]:
    started = None
    for event in job.events:
        if event.type == EventType.STARTED:
            started = event.at.timestamp()
        elif started is not None and event.type in LEAVING:
            yield started, event.at.timestamp()
            started = None


@check("no key outlives its purpose, and no list holds work")
def nothing_left(evidence: Evidence) -> Iterator[str]:
    yield from evidence.leftovers


@check("every worker takes jobs at the end")
def all_present(evidence: Evidence) -> Iterator[str]:
    yield from (f"{name} took no job of the muster" for name in evidence.absent)


@check("no worker ended by itself")
def none_deserted(evidence: Evidence) -> Iterator[str]:
    yield from evidence.deserters
