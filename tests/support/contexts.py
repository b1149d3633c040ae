"""Contexts as the engine makes them, for tests that call a body without an engine around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any

from backdesk.worker.attempt.base_context import Parts, ProgressSink
from backdesk.worker.attempt.children import Children
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.files import Files
from backdesk.worker.attempt.large_values import LargeValues
from backdesk.worker.attempt.ledger import Ledger
from backdesk.worker.attempt.service_call import ServiceCalls, sleep_in_naps
from backdesk.worker.attempt.spending import AttemptSpending
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.job import Claim
from backdesk.worker.model.service import BreakerState, Granted, Settled
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.services import Reservations
from backdesk.worker.store.spending import SpendingCalls
from backdesk.worker.submit.blob_access import blobs_of
from tests.support.defaults import usual_settings
from tests.support.memories import MEMORIES


class Unflushed:
    """A sink that holds nothing back."""

    def flush(self) -> None:
        return


def ledger_of(claim: Claim, *, held: bool = True) -> Ledger:
    """A ledger whose writes all succeed, or all find the fence lost, and reach nobody."""
    transitions = Transitions(usual_settings())
    submit = partial(_answered, held)
    return Ledger(claim, submit, transitions, progress=Unflushed(), max_bytes=1_000_000)


def _unexpected(call: Call[Any]) -> Future[Any]:
    if call.script.name == "contract":  # of a kind that a job would start if there were one
        return _answered(None, call)
    raise AssertionError(f"no child was expected: {call}")


def _answered(value: bool | None, _call: Call[Any]) -> Future[Any]:
    answer: Future[Any] = Future()
    answer.set_result(value)
    return answer


def unlimited(claim: Claim, sleep: Callable[[float], Any] = asyncio.sleep) -> ServiceCalls:
    """Services whose calls may all begin at once."""

    def submit(call: Call[Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.set_result(Granted(0.0) if call.script.name == "reserve" else Settled(BreakerState.CLOSED, 0.0, False))
        return answer

    reservations = Reservations(usual_settings())
    half = partial(float, 0.5)
    return ServiceCalls(claim, submit, reservations, wait_s=5.0, classify=classify, random=half, sleep=sleep)


def parts_of(claim: Claim, sink: ProgressSink, ledger: Ledger, sleep: Callable[[float], Any] = asyncio.sleep) -> Parts:
    """What does the work behind a context: spending that counts for nobody, and a memory that is this test's own."""
    settings = usual_settings()
    calls, transitions = SpendingCalls(settings), Transitions(settings)
    values = LargeValues(claim, blobs_of(settings), most_request=1_000_000, most_result=1_000_000)
    limits = {"max_request_bytes": 1_000_000, "max_children": 100}
    children = Children(claim, ledger, _unexpected, transitions, values, checks={}, **limits)
    spending = AttemptSpending(claim, ledger, partial(_answered, True), calls, sleep)
    services, memory = unlimited(claim, sleep), MEMORIES.of(claim)
    files = Files(claim, blobs_of(settings), sink.emit)
    return Parts(sink, ledger, children, services, spending, memory, files, idle_system)


def idle_system() -> Future[SystemState]:
    """A deployment that has nothing to do."""
    state: Future[SystemState] = Future()
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    state.set_result(SystemState(at=now, running=1, queued=0, slots=4, workers=1, queues={}))
    return state


def task_context(claim: Claim, sink: ProgressSink) -> TaskContext:
    return TaskContext(claim, parts_of(claim, sink, ledger_of(claim)))


def blocking_context(claim: Claim, sink: ProgressSink) -> BlockingContext:
    return BlockingContext(claim, parts_of(claim, sink, ledger_of(claim), sleep_in_naps))
