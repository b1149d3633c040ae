"""Contexts as the engine makes them, for tests that call a body without an engine around it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any

from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import BlockingContext, ProgressSink, TaskContext
from backdesk.worker.attempt.ledger import Ledger
from backdesk.worker.attempt.service_call import Services
from backdesk.worker.attempt.spending import Purse
from backdesk.worker.model.child import ChildCall, ChildEnd
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.job import Claim
from backdesk.worker.model.service import BreakerState, Granted, Settled
from backdesk.worker.pipeline import Pipeline
from backdesk.worker.settings import load_settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.services import Reservations
from backdesk.worker.store.spending import SpendingCalls
from tests.support.archives import ARCHIVES


class Unflushed:
    """A sink that holds nothing back."""

    def flush(self) -> None:
        return


class NoFamily:
    """For bodies that call no other job."""

    def call(self, calls: Sequence[ChildCall]) -> Pipeline[list[ChildEnd]]:
        raise AssertionError(f"no child was expected: {calls}")


def ledger_of(claim: Claim, *, held: bool = True) -> Ledger:
    """A ledger whose writes all succeed, or all find the fence lost, and reach nobody."""
    transitions = Transitions(load_settings(_env_file=None))
    submit = partial(_answered, held)
    return Ledger(claim, submit, transitions, progress=Unflushed(), max_bytes=1_000_000)


def purse_of(claim: Claim, ledger: Ledger) -> Purse:
    """A purse without a limit, which counts for nobody."""
    return Purse(claim, ledger, partial(_answered, True), SpendingCalls(load_settings(_env_file=None)))


def _answered(value: bool, _call: Call[Any]) -> Future[Any]:
    answer: Future[Any] = Future()
    answer.set_result(value)
    return answer


def unlimited(claim: Claim) -> Services:
    """Services whose calls may all begin at once."""

    def submit(call: Call[Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.set_result(Granted(0.0) if call.script.name == "reserve" else Settled(BreakerState.CLOSED, 0.0, False))
        return answer

    reservations = Reservations(load_settings(_env_file=None))
    return Services(claim, submit, reservations, wait_s=5.0, judge=classify, random=lambda: 0.5)


def kept_of(claim: Claim, ledger: Ledger) -> dict[str, Any]:
    """What else a context is made of: a purse that counts for nobody, and an archive that is kept for this test."""
    return {"purse": purse_of(claim, ledger), "archive": ARCHIVES.of(claim), "look": idle_system}


def idle_system() -> Future[SystemState]:
    """A deployment that has nothing to do."""
    state: Future[SystemState] = Future()
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    state.set_result(SystemState(at=now, running=1, queued=0, slots=4, workers=1, queues={}))
    return state


def task_context(claim: Claim, sink: ProgressSink) -> TaskContext:
    ledger = ledger_of(claim)
    return TaskContext(claim, sink, ledger, NoFamily(), unlimited(claim), **kept_of(claim, ledger))


def blocking_context(claim: Claim, sink: ProgressSink) -> BlockingContext:
    ledger = ledger_of(claim)
    return BlockingContext(claim, sink, ledger, NoFamily(), unlimited(claim), **kept_of(claim, ledger))
