"""Contexts as the engine makes them, for tests that call a body without an engine around it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from worker.child import ChildCall, ChildEnd
from worker.classification import classify
from worker.context import BlockingContext, ProgressSink, TaskContext
from worker.job import Claim
from worker.ledger import Ledger
from worker.pipeline import Pipeline
from worker.reservation import Services
from worker.resource import BreakerState, Granted, Settled
from worker.settings import load_settings
from worker.store.reservations import Reservations
from worker.store.script import Call
from worker.store.transitions import Transitions


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

    def submit(_call: Call[Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.set_result(held)
        return answer

    transitions = Transitions(load_settings(_env_file=None))
    return Ledger(claim, submit, transitions, progress=Unflushed(), max_bytes=1_000_000)


def unlimited(claim: Claim) -> Services:
    """Services whose calls may all begin at once."""

    def submit(call: Call[Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.set_result(Granted(0.0) if call.script.name == "reserve" else Settled(BreakerState.CLOSED, 0.0, False))
        return answer

    reservations = Reservations(load_settings(_env_file=None))
    return Services(claim, submit, reservations, wait_s=5.0, judge=classify, random=lambda: 0.5)


def task_context(claim: Claim, sink: ProgressSink) -> TaskContext:
    return TaskContext(claim, sink, ledger_of(claim), NoFamily(), unlimited(claim))


def blocking_context(claim: Claim, sink: ProgressSink) -> BlockingContext:
    return BlockingContext(claim, sink, ledger_of(claim), NoFamily(), unlimited(claim))
