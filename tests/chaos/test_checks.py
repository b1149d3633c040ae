"""Each check finds what it is there for: a clean run passes all of them, a planted violation fails its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import LedgerEntry
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import Attempt, JobRecord, JobState
from tests.chaos.checks import CHECKS, check_all
from tests.chaos.evidence import Evidence, JobEvidence, told_of_steps
from tests.chaos.orders import HEAVY, Order
from tests.chaos.script import Move, expected
from tests.chaos.witness import AttemptRow, ChargeRow, EntryRow, RunRow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHILD_MOVES = [Move(do="step", key="s", effect="pure", value=5)]
MOVES = [
    Move(do="step", key="pure", effect="pure", value=1),
    Move(do="step", key="same", effect="idempotent", value=2),
    Move(do="step", key="risk", effect="unsafe", value=3),
    Move(do="call", key="team", kind="chaos.agent", children=[CHILD_MOVES]),
]
#: What happened to the job, which lost its first worker after the first step: (type, attempt, data).
LIFE: list[tuple[str, int, dict[str, Any]]] = [
    ("queued", 0, {}),
    ("started", 1, {"worker": "agents-1@chaos"}),
    ("progress", 1, {"attempt": 1, "body": 10}),
    ("step", 1, {"key": "pure"}),
    ("retrying", 1, {"code": "worker_lost"}),
    ("started", 2, {"worker": "agents-2@chaos"}),
    ("step", 2, {"key": "same"}),
    ("step", 2, {"key": "risk"}),
    ("waiting", 2, {}),
    ("queued", 2, {}),
    ("started", 3, {"worker": "agents-2@chaos"}),
    ("succeeded", 3, {}),
]
CHILD_LIFE: list[tuple[str, int, dict[str, Any]]] = [
    ("queued", 0, {}),
    ("started", 1, {"worker": "tools-1@chaos"}),
    ("step", 1, {"key": "s"}),
    ("succeeded", 1, {}),
]


def evidence_of(job_id: str, moves: list[Move], life: Any, parent: str | None = None, **more: Any) -> JobEvidence:
    """A job that succeeded, as the store would have it."""
    events = [
        JobEvent(seq=n, job_id=job_id, kind="chaos.agent", tenant="acme", attempt=a, at=NOON, type=name, data=data)
        for n, (name, a, data) in enumerate(life, 1)
    ]
    steps = {data["key"]: (a, n) for n, (name, a, data) in enumerate(life) if name == "step"}
    values = {move.key: move.value for move in moves}
    attempt = max(a for _, a, _ in life)
    record = JobRecord(
        id=job_id,
        kind="chaos.agent",
        tenant="acme",
        queue="agents",
        state=JobState.SUCCEEDED,
        priority=5,
        attempt=attempt,
        request={"moves": [move.model_dump() for move in moves]},
        result={**expected(moves).model_dump(), "attempt": attempt, "body": 10 * attempt},
        created_at=NOON,
        parent=parent,
    )
    ledger = {
        f"step:{key}": LedgerEntry(state="done", value={"value": values[key], "attempt": a, "run": n, "body": 10 * a})
        for key, (a, n) in steps.items()
    }
    return JobEvidence(record, events, ledger, **more)


def clean() -> Evidence:
    """A run in which a worker died, and nothing is wrong."""
    parent = evidence_of("p", MOVES, LIFE, children=frozenset({"c"}))
    child = evidence_of("c", CHILD_MOVES, CHILD_LIFE, "p")
    runs = [
        RunRow(3, "p", "pure", "pure", 1, 10, 0.0, 1.0),
        RunRow(4, "p", "same", "idempotent", 1, 10, 1.0, None),
        RunRow(6, "p", "same", "idempotent", 2, 11, 3.0, 4.0),
        RunRow(7, "p", "risk", "unsafe", 2, 11, 4.0, 5.0),
        RunRow(2, "c", "s", "pure", 1, 12, 4.0, 5.0),
    ]
    return Evidence(
        orders={"p": Order("family", "chaos.agent", MOVES, job_id="p")},
        acknowledged=frozenset({"p"}),
        jobs={"p": parent, "c": child},
        attempts=[AttemptRow("p", 1, 10, 1, 0.0, None), AttemptRow("p", 2, 11, 2, 3.0, 5.0)],
        runs=runs,
        charges=[ChargeRow("p", "risk", 2, 11, 4.5)],
        entries=[EntryRow("p:same", 2, 2)],
        slots=4,
    )


def changed(job_id: str = "p", **fields: Any) -> Evidence:
    """The clean run, with other fields in a record."""
    evidence = clean()
    job = evidence.jobs[job_id]
    return with_job(replace(job, record=job.record.model_copy(update=fields)))


def with_job(job: JobEvidence) -> Evidence:
    evidence = clean()
    return replace(evidence, jobs={**evidence.jobs, job.id: job})


def with_life(life: Any, job_id: str = "p") -> Evidence:
    """The clean run, in which the log of a job says something else; its record and ledger stay."""
    job = clean().jobs[job_id]
    moves, parent = (MOVES, None) if job_id == "p" else (CHILD_MOVES, "p")
    told = evidence_of(job_id, moves, life, parent).events
    return with_job(replace(job, events=told))


def with_step(key: str, **value: Any) -> Evidence:
    job = clean().jobs["p"]
    entry = job.ledger[f"step:{key}"]
    other = entry.model_copy(update={"value": {**entry.value, **value}})
    return with_job(replace(job, ledger={**job.ledger, f"step:{key}": other}))


def without_step(key: str) -> Evidence:
    job = clean().jobs["p"]
    return with_job(replace(job, ledger={k: v for k, v in job.ledger.items() if k != f"step:{key}"}))


def more_runs(*runs: RunRow) -> Evidence:
    evidence = clean()
    return replace(evidence, runs=[*evidence.runs, *runs])


def without_run(run_id: int) -> Evidence:
    evidence = clean()
    return replace(evidence, runs=[run for run in evidence.runs if run.id != run_id])


def unended_run(run_id: int) -> Evidence:
    evidence = clean()
    return replace(evidence, runs=[replace(run, ended=None) if run.id == run_id else run for run in evidence.runs])


def late_child() -> Evidence:
    job = clean().jobs["c"]
    late = [event.model_copy(update={"at": NOON + timedelta(seconds=1)}) for event in job.events]
    return with_job(replace(job, events=late))


def two_heavy(slots: int, *, since: float) -> Evidence:
    """Two jobs of this many slots in one process, the second so many seconds after the first, which takes 3 s."""
    evidence, moments = clean(), {"a": 0.0, "b": since}
    jobs, rows = {}, []
    for job_id, start in moments.items():
        job = evidence_of(job_id, CHILD_MOVES, CHILD_LIFE)
        record = job.record.model_copy(update={"kind": HEAVY, "slots": slots})
        times = [NOON + timedelta(seconds=start + n) for n in range(len(job.events))]
        events = [event.model_copy(update={"at": at}) for event, at in zip(job.events, times, strict=True)]
        jobs[job_id] = replace(job, record=record, events=events)
        rows.append(AttemptRow(job_id, 1, 12, 1, start + 1, start + 3))
    return replace(evidence, jobs=jobs, attempts=rows)


LOST_ATTEMPT = Attempt(attempt=1, worker="agents-1@chaos", ended_at=NOON, outcome="lost")
FAILURE = Failure(code="poison", message="its worker was lost")
LOST = "no acknowledged job is lost"
CONTRARY = "Redis and the archive have the same of a job that both have"
ENDED = "every job has ended"
ORDERED = "every job ended as it was ordered to"
RESULTS = "every result is that of an undisturbed run"
EVENTS = "events have no gap, and one end that is the last"
ATTEMPTS = "attempts begin one after the other"
BODY = "all that is in the books of an attempt comes from one body"
STALE = "nothing was accepted from an attempt after the next had begun"
STEPS = "every completed step ran to its end once, and never after its record"
ENTRIES = "every idempotent effect was had once"
CHARGES = "every unsafe effect was had once, none twice"
CHILDREN = "the children of every job that succeeded are there, ended well, and before it"
KEPT = "no worker lost a job that was neither killed nor frozen"
CAP = "jobs that take several slots stay within the cap of their kind"
SLOTS = "no worker runs more than it has slots for"
LEFT = "no key outlives its purpose, and no list holds work"
PRESENT = "every worker takes jobs at the end"
DESERTED = "no worker ended by itself"

VIOLATIONS: list[tuple[str, str, Callable[[], Evidence]]] = [
    (LOST, "a record is gone", lambda: replace(clean(), jobs={"c": clean().jobs["c"]})),
    (LOST, "a job nobody ordered", lambda: replace(clean(), orders={}, acknowledged=frozenset())),
    (CONTRARY, "another copy in the archive", lambda: replace(clean(), contrary=["c"])),
    (ENDED, "a job still runs", lambda: changed(state=JobState.RUNNING)),
    (ENDED, "a job waits", lambda: changed("c", state=JobState.WAITING)),
    (ORDERED, "a job failed", lambda: changed(state=JobState.FAILED, error=FAILURE)),
    (ORDERED, "a child failed", lambda: changed("c", state=JobState.FAILED, error=FAILURE)),
    (RESULTS, "another total", lambda: changed(result={"total": 1, "heard": [], "attempt": 3})),
    (RESULTS, "another answer", lambda: changed(result={"total": 11, "heard": ["x"], "attempt": 3})),
    (EVENTS, "a gap", lambda: with_job(replace(clean().jobs["p"], events=clean().jobs["p"].events[1:]))),
    (EVENTS, "two ends", lambda: with_life([*LIFE, ("succeeded", 3, {})])),
    (EVENTS, "something after the end", lambda: with_life([*LIFE, ("progress", 3, {})])),
    (EVENTS, "no end", lambda: with_life(LIFE[:-1])),
    (EVENTS, "another end", lambda: with_life([*LIFE[:-1], ("failed", 3, {})])),
    (ATTEMPTS, "an attempt begins twice", lambda: with_life([*LIFE[:5], *LIFE[1:2], *LIFE[5:]])),
    (ATTEMPTS, "an attempt is left out", lambda: with_life([*LIFE[:5], *LIFE[6:]])),
    (ATTEMPTS, "two bodies of one attempt", lambda: replace(clean(), attempts=[*clean().attempts, *clean().attempts])),
    (BODY, "an event of another body", lambda: with_life([*LIFE[:3], ("progress", 1, {"body": 7}), *LIFE[3:]])),
    (BODY, "a result of another body", lambda: with_life([*LIFE[:-1], ("progress", 3, {"body": 7}), LIFE[-1]])),
    (STALE, "an event of an earlier attempt", lambda: with_life([*LIFE[:6], ("progress", 1, {}), *LIFE[6:]])),
    (STALE, "an event that says so", lambda: with_life([*LIFE[:6], ("progress", 2, {"attempt": 1}), *LIFE[6:]])),
    (STALE, "a step of another attempt", lambda: with_step("same", attempt=1, run=4)),
    (STALE, "a result of another attempt", lambda: changed(result={"total": 11, "heard": [], "attempt": 2})),
    (STEPS, "recorded twice", lambda: with_life([*LIFE[:6], ("step", 2, {"key": "pure"}), *LIFE[6:]])),
    (STEPS, "run again after its record", lambda: more_runs(RunRow(9, "p", "pure", "pure", 2, 11, 3.0, 3.5))),
    (STEPS, "run twice in one attempt", lambda: more_runs(RunRow(9, "p", "same", "idempotent", 2, 11, 3.0, 3.5))),
    (STEPS, "recorded and never run", lambda: without_run(7)),
    (STEPS, "recorded before its end", lambda: unended_run(7)),
    (STEPS, "left out", lambda: without_step("risk")),
    (ENTRIES, "no effect", lambda: replace(clean(), entries=[])),
    (ENTRIES, "another effect", lambda: replace(clean(), entries=[EntryRow("p:same", 9, 1)])),
    (ENTRIES, "an effect of nothing", lambda: replace(clean(), entries=[*clean().entries, EntryRow("x:y", 1, 1)])),
    (CHARGES, "twice", lambda: replace(clean(), charges=[*clean().charges, ChargeRow("p", "risk", 3, 13, 6.0)])),
    (CHARGES, "never", lambda: replace(clean(), charges=[])),
    (CHILDREN, "one is gone", lambda: replace(clean(), jobs={"p": clean().jobs["p"]})),
    (CHILDREN, "one was not made", lambda: with_job(replace(clean().jobs["p"], children=frozenset()))),
    (CHILDREN, "one failed", lambda: changed("c", state=JobState.FAILED, error=FAILURE)),
    (CHILDREN, "one ended late", late_child),
    (KEPT, "a worker that lives", lambda: changed(attempts=(LOST_ATTEMPT,))),
    (CAP, "two that take more together", lambda: two_heavy(3, since=1.9)),
    (SLOTS, "two that take more together", lambda: two_heavy(3, since=1.9)),
    (LEFT, "a key", lambda: replace(clean(), leftovers=["backdesk:leases is not empty"])),
    (PRESENT, "a worker", lambda: replace(clean(), absent=["agents-1"])),
    (DESERTED, "a worker", lambda: replace(clean(), deserters=["agents-1 ended with exit code 1"])),
]


def test_a_job_lost_by_a_worker_that_was_struck_is_no_violation() -> None:
    struck = replace(changed(attempts=(LOST_ATTEMPT,)), struck=frozenset({10}))
    assert [*CHECKS[KEPT](struck)] == []


@pytest.mark.parametrize("name", [CAP, SLOTS])
@pytest.mark.parametrize(("slots", "since"), [(3, 2.0), (2, 1.0)], ids=["one after the other", "that have room"])
def test_jobs_of_several_slots_that_fit_are_no_violation(name: str, slots: int, since: float) -> None:
    assert [*CHECKS[name](two_heavy(slots, since=since))] == []


@pytest.mark.parametrize("name", [STEPS, ATTEMPTS])
def test_what_redis_has_forgotten_may_be_begun_again(name: str) -> None:
    again = replace(
        more_runs(RunRow(9, "p", "pure", "pure", 2, 11, 3.0, 3.5)),
        attempts=[*clean().attempts, *clean().attempts],
    )
    assert [*CHECKS[name](again)]
    assert [*CHECKS[name](replace(again, forgotten=True))] == []


def test_a_step_whose_record_redis_has_forgotten_may_be_in_no_book() -> None:
    assert [*CHECKS[STEPS](replace(without_step("risk"), forgotten=True))] == []


def test_an_effect_may_be_of_a_child_that_redis_has_forgotten() -> None:
    evidence = clean()
    entries = [*evidence.entries, EntryRow("gone:s", 1, 1)]
    assert [*CHECKS[ENTRIES](replace(evidence, entries=entries, forgotten=True))] == []


def test_a_step_ran_to_its_end_where_one_of_the_bodies_of_its_attempt_had_it_do() -> None:
    evidence = unended_run(7)
    broken_off = next(run for run in evidence.runs if run.id == 7)
    runs = [*evidence.runs, replace(broken_off, id=9, ended=9.5)]
    job = evidence.jobs["p"]
    told = {**job.ledger, **dict(told_of_steps(job.events))}
    by_number = with_job(replace(job, ledger=told))
    assert [*CHECKS[STEPS](replace(by_number, runs=runs, forgotten=True))] == []


def test_a_clean_run_passes_every_check() -> None:
    assert [finding for finding in check_all(clean()) if not finding.ok] == []


@pytest.mark.parametrize(("name", "what", "planted"), VIOLATIONS, ids=[f"{n}: {w}" for n, w, _ in VIOLATIONS])
def test_a_planted_violation_fails_its_check(name: str, what: str, planted: Callable[[], Evidence]) -> None:
    assert [*CHECKS[name](planted())], f"{what} went unnoticed"


def test_every_check_is_shown_to_fail() -> None:
    assert {name for name, _, _ in VIOLATIONS} == CHECKS.keys()


def test_a_step_that_a_person_declared_done_need_not_have_ended() -> None:
    evidence = unended_run(7)
    job = evidence.jobs["p"]
    entry = job.ledger["step:risk"]
    by_hand = entry.model_copy(update={"value": {**entry.value, "by_hand": 1}})
    told = [event for event in job.events if event.data.get("key") != "risk"]
    told = [event.model_copy(update={"seq": n}) for n, event in enumerate(told, 1)]
    jobs = {**evidence.jobs, "p": replace(job, events=told, ledger={**job.ledger, "step:risk": by_hand})}
    assert [finding for finding in check_all(replace(evidence, jobs=jobs)) if not finding.ok] == []
