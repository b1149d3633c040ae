"""One attempt at a job: a short pipeline of named steps that ends in one outcome, applied by one call of the store.

An `async def` body's pipeline is driven on the process's event loop: it needs no thread, and where a pool has given it
one, that sleeps from beginning to end. Waking hundreds of threads several times a job costs more than the jobs do.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import ValidationError

from backdesk.worker.attempt.base_context import Parts
from backdesk.worker.attempt.children import Children
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.driver import Body, Ended, LoopDriver
from backdesk.worker.attempt.files import Files
from backdesk.worker.attempt.interrupt import Interrupt
from backdesk.worker.attempt.large_values import LargeValues
from backdesk.worker.attempt.ledger import LeavingNow, Ledger, Suspended
from backdesk.worker.attempt.outage import ENTRY, Outage
from backdesk.worker.attempt.outcome import Outcomes
from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.attempt.reports import report_end, report_error
from backdesk.worker.attempt.request import Requests
from backdesk.worker.attempt.result import result_of
from backdesk.worker.attempt.service_call import ServiceCalls, sleep_in_naps
from backdesk.worker.attempt.slot import Slot, leaving
from backdesk.worker.attempt.spending import AttemptSpending
from backdesk.worker.errors import FenceLost, StoreUnavailable, TaskError
from backdesk.worker.failure import Category, Failure, Severity
from backdesk.worker.memory.access import Memory
from backdesk.worker.model.asks import pause_of
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.events import EventType
from backdesk.worker.model.job import Claim, Deferred, Ending, Failed, Outcome, Refused, Succeeded, Usage, Waiting
from backdesk.worker.pipeline import Pipeline, drive
from backdesk.worker.process.leases import Lease, Stop
from backdesk.worker.process.logging import Bound
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.store.attempts import Turn
from backdesk.worker.telemetry.tracing import tracing
from backdesk.worker.text.json import printable

log = logging.getLogger(__name__)

#: What the statistics count answers of fallbacks as.
DEGRADED = "degraded"


def execute(process: WorkerProcess, spec: TaskSpec, job_id: str, worker: str) -> Outcome | None:
    """Claim a job, run its body once and end the attempt.

    Returns how it ended, or None when there was nothing to run or another attempt has taken over. A job that was
    withdrawn before it began returns its failure here, once, for whoever waits for it at Celery. Raises nothing that
    a body could cause, not even SystemExit: that would cost a Celery pool the slot.
    """
    if spec.is_async:
        ended: Future[Outcome | None] = Future()
        begin(process, spec, job_id, worker, ended)
        return ended.result()
    return drive(_claim_and_run(process, spec, job_id, worker))


def begin(
    process: WorkerProcess,
    spec: TaskSpec,
    job_id: str,
    worker: str,
    ended: Ended[Outcome | None],
    *,
    slot: Slot | None = None,
) -> None:
    """Start what `execute` does with a body that is a coroutine, and return at once; `ended` gets what that returns.

    A job that came with its claim begins by that. Safe to call from any thread.
    """
    claim = process.claims.pop(job_id, None)
    LoopDriver(process.loop, _claim_and_run(process, spec, job_id, worker, claim=claim, slot=slot), ended).start()


def _claim_and_run(
    process: WorkerProcess,
    spec: TaskSpec,
    job_id: str,
    worker: str,
    *,
    claim: Claim | None = None,
    slot: Slot | None = None,
) -> Pipeline[Outcome | None]:
    if process.draining:
        yield process.writer.submit(leaving(process, job_id, claim))
        return None
    if claim is None:
        fence = _new_fence()
        # Nothing that is needed once has a name: that holds it for as long as the job lives, a thousand times.
        claim = yield process.writer.submit(process.transitions.claim(job_id, worker, fence, spec.terms))
    if isinstance(claim, Refused):
        log.info("delivery_dropped", extra={"job_id": job_id, "kind": spec.kind})
        return Failed(claim.failure) if claim.failure else None
    if claim.pages:
        claim = yield from _with_ledger(process, claim)
    if claim is None:
        return None
    with Bound(job_id=claim.job_id, kind=claim.kind, tenant=claim.tenant, attempt=claim.attempt):
        attempt, tracer = _Attempt(process, spec, claim, worker, slot), tracing()
        if tracer is None:
            return (yield from attempt.run())
        with tracer.processing(claim) as processing:
            outcome = yield from attempt.run()
            processing.ended(outcome, attempt.counted())
        return outcome


def _new_fence() -> str:
    return secrets.token_urlsafe(12)


def _with_ledger(process: WorkerProcess, claim: Claim) -> Pipeline[Claim | None]:
    """Read what the job remembers, page by page; gives None when the claim is lost meanwhile."""
    ledger: dict[str, bytes] = {}
    cursor = ""
    while cursor != "0":
        page = yield process.writer.submit(process.transitions.page(claim, cursor or "0"))
        if page is None:
            return None
        cursor, entries = page
        ledger |= entries
    return replace(claim, ledger=ledger)


class _Attempt:
    """One attempt, from its claim to its end."""

    def __init__(self, process: WorkerProcess, spec: TaskSpec, claim: Claim, worker: str, slot: Slot | None) -> None:
        self.process = process
        self.spec = spec
        self.claim = claim
        self.worker = worker
        self.slot = slot
        self.requests = Requests(spec.request, process.settings.guard)
        self.progress = process.progress(claim)
        self.ledger = Ledger(
            claim,
            process.writer.submit,
            process.transitions,
            progress=self.progress,
            max_bytes=process.settings.max_result_bytes,
            worker=worker,
            confirm=process.durability.confirm if process.settings.durable_wait_s else None,
        )
        sleep = asyncio.sleep if spec.is_async else sleep_in_naps
        self.values = LargeValues(
            claim,
            process.blobs,
            most_request=process.settings.inline_request_bytes,
            most_result=process.settings.inline_result_bytes,
        )
        self.spending = AttemptSpending(claim, self.ledger, process.writer.submit, process.spending, sleep)
        self.context = (TaskContext if spec.is_async else BlockingContext)(claim, self._parts(sleep))
        self.timeout_s = claim.timeout_s or spec.timeout_s
        self.outage = Outage(claim, self._outage_wait_s())
        self.outcomes = Outcomes(claim, claim.retry or spec.retry, spec.stands_in, random.random, self.outage)

    def _outage_wait_s(self) -> float | None:
        own = self.spec.outage_wait_s
        return None if self.spec.fallback is None else self.process.settings.outage_wait_s if own is None else own

    def _parts(self, sleep: Callable[[float], Any]) -> Parts:
        claim, process, submit, settings = self.claim, self.process, self.process.writer.submit, self.process.settings
        return Parts(
            self.progress,
            self.ledger,
            Children(
                claim,
                self.ledger,
                submit,
                process.transitions,
                self.values,
                checks=process.checks,
                max_request_bytes=settings.largest_request_bytes,
                max_children=settings.max_children,
            ),
            ServiceCalls(
                claim,
                submit,
                process.service_calls,
                wait_s=settings.limit_wait_s,
                classify=classify,
                random=random.random,
                sleep=sleep,
            ),
            self.spending,
            Memory(
                claim,
                submit,
                process.memory,
                process.blobs,
                max_bytes=settings.max_result_bytes,
                max_note_bytes=settings.max_event_bytes,
                webhook_keys=process.webhook_keys,
                masks=settings.mask_conversations,
            ),
            Files(claim, process.blobs, self.progress.emit),
            partial(_look, process),
            settings.mask_requests,
        )

    def run(self) -> Pipeline[Outcome | None]:
        """Run the body and write how it ended."""
        began = time.monotonic()
        leases, on_loop = self.process.leases, self.spec.is_async
        with leases.held(self.claim, self.progress, on_loop=on_loop, timeout_s=self.timeout_s) as lease:
            lease.leave, lease.pause = self._leave, self._pause
            self.ledger.in_doubt = lambda: lease.overdue
            self.ledger.cancelled = lambda: lease.stopped is Stop.CANCELLED
            self.ledger.suits = self.requests.suits
            try:
                outcome = yield from self._outcome(lease)
            except FenceLost:
                log.warning("attempt_abandoned")
                return None
            lease.ending = True
            kept = yield from self._leave_slot(outcome)
        report_end(outcome, kept=kept, seconds=time.monotonic() - began)
        return outcome if kept else None

    def _leave(self) -> None:
        self.ledger.draining = True

    def _pause(self, pausing: str) -> None:
        self.ledger.pausing = pausing

    def _leave_slot(self, outcome: Outcome) -> Pipeline[bool]:
        """Write how the attempt ended, and have its slot taken by the job that is next, where that is wanted."""
        slot = None if self.process.draining else self.slot
        if slot is None or not slot.wanted or not isinstance(outcome, Ending):
            kept: bool = yield self._end(outcome)
            return kept
        self.progress.close()
        turn: Turn = yield self.process.writer.submit(
            self.process.transitions.turn(
                self.claim, outcome, self.counted(), worker=self.worker, fence=_new_fence(), terms=self.spec.terms
            )
        )
        if turn.claim:
            self.process.claims[turn.claim.job_id] = turn.claim
        if turn.delivery:
            slot.hand_on(turn.delivery, turn.claim.job_id if turn.claim else None)
        return turn.kept

    def _end(self, outcome: Outcome) -> Future[bool]:
        self.progress.close()
        return self.process.writer.submit(self.process.transitions.end(self.claim, outcome, self.counted()))

    def counted(self) -> Usage:
        """Return what the body has counted; whatever else it has put there must not keep its job from ending."""
        usage = self.context.usage
        if isinstance(usage, Usage) and usage.is_untouched:
            return usage
        try:
            return Usage.model_validate(dict(usage))
        except (ValidationError, TypeError, ValueError) as error:
            log.warning("usage_dropped", extra={"reason": printable(error)})
            return Usage()

    def _outcome(self, lease: Lease) -> Pipeline[Outcome]:
        if self.claim.pausing:
            return Waiting((pause_of(self.claim.attempt, self.claim.pausing),))
        claim = yield from self.values.claimed()
        if isinstance(claim, Failure):
            return self.outcomes.on_failure(claim)
        read = self.requests.read(claim)
        if isinstance(read, Failure):
            return Failed(read)
        request, found = read
        if found:
            self.context.flagged = found
            self.context.emit(EventType.INPUT_FLAGGED, fields=found)
        outcome = self._poisoned() or (yield from self._of_body(partial(self.spec.body, self.context, request), lease))
        fallback = self.spec.fallback
        if fallback is None or not (isinstance(outcome, Failed) and self.spec.stands_in(outcome.failure)):
            return outcome
        if not lease.begin_again(self.timeout_s):
            return outcome
        return (yield from self._of_fallback(partial(fallback, self.context, request, outcome.failure), outcome, lease))

    def _poisoned(self) -> Failed | None:
        """Return what the body is not begun for again: the last life of a job is for the fallback that tells of it."""
        crashes = self.claim.crashes
        if not 0 < crashes == self.process.settings.max_crashes - 1:
            return None
        message = f"its worker was lost {crashes} times while running it"
        poison = Failure(code="poison", message=message, category=Category.UNKNOWN, severity=Severity.CRITICAL)
        return Failed(self.outcomes.named(poison)) if self.spec.stands_in(poison) else None

    def _of_body(self, body: Callable[[], Any], lease: Lease) -> Pipeline[Outcome]:
        try:
            if (left_s := (yield from self.spending.time_left())) is not None:
                lease.end_within(left_s, Stop.OVERSPENT)
            value = yield from self._call(body, lease)
            yield from self.ledger.close()
        except BaseException as error:  # noqa: BLE001 - whatever a body raises, its job must end or go on
            yield from self._wait_for_the_rest(lease)
            if lease.stopped is Stop.OVERSPENT:
                return (yield from self._out_of_time(lease))
            outcome = self.outcomes.on_error(error, lease, self.ledger)
            report_error(error, outcome)
            if isinstance(outcome, Deferred) and outcome.most_s is not None:
                yield from self.ledger.write(ENTRY, self.outage.entry())
            return outcome
        return (yield from self._result(value))

    def _out_of_time(self, lease: Lease) -> Pipeline[Outcome]:
        """Return how an attempt ends whose budget is out of time: it fails, or waits for a person, or may go on."""
        try:
            yield from self.spending.check()
        except TaskError as error:
            return self.outcomes.on_failure(classify(error))
        except BaseException as error:  # noqa: BLE001 - as above
            return self.outcomes.on_error(error, lease, self.ledger)
        return self.outcomes.on_stop(lease)

    def _of_fallback(self, fallback: Callable[[], Any], failed: Failed, lease: Lease) -> Pipeline[Outcome]:
        try:
            outcome = yield from self._result((yield from self._call(fallback, lease)))
        except BaseException as error:
            if lease.stopped or isinstance(error, (Suspended, LeavingNow, FenceLost)):
                return self.outcomes.on_error(error, lease, self.ledger)
            log.exception("fallback_failed")
            return failed
        if not isinstance(outcome, Succeeded):
            return failed
        with suppress(ValueError, TypeError, AttributeError):  # a body may have made anything of its usage
            self.context.measure(DEGRADED, 1)
        return replace(outcome, degraded=failed.failure)

    def _result(self, value: object) -> Pipeline[Outcome]:
        ended = result_of(value, self.spec.result, self.claim, self.process.settings.largest_result_bytes)
        kept = (yield from self.values.kept(ended)) if isinstance(ended, Succeeded) else ended
        return self.outcomes.on_failure(kept) if isinstance(kept, Failure) else kept

    def _call(self, body: Callable[[], Any], lease: Lease) -> Pipeline[Any]:
        if self.spec.is_async:
            return (yield Body(body, lease))
        lease.abandon = partial(self._end_without_body, lease, os.getpid() if _in_main_thread() else None)
        lease.interrupt = interrupt = Interrupt()
        if lease.stopped is not None:
            interrupt()
        return interrupt.run(body)

    def _wait_for_the_rest(self, lease: Lease) -> Pipeline[None]:
        """Let steps that run beside the one that ended the body come to their ends, so that these are remembered."""
        running = self.ledger.running
        if running and lease.stopped is None:
            try:
                yield from self._call(partial(_ends_of, running, on_loop=self.spec.is_async), lease)
            except asyncio.CancelledError:
                return

    def _end_without_body(self, lease: Lease, pid: int | None) -> None:
        """Write the end of an attempt whose `def` body does not stop, and end its process if that stops it."""
        lease.ending = True
        try:
            self._end(self.outcomes.on_stop(lease)).result(self.process.settings.socket_timeout_s)
        except (FenceLost, StoreUnavailable, TimeoutError) as error:
            log.warning("end_not_written", extra={"reason": repr(error)})
        if pid is not None:
            log.warning("process_ended", extra={"job_id": self.claim.job_id, "reason": "its body does not stop"})
            os.kill(pid, signal.SIGKILL)


def _look(process: WorkerProcess) -> Future[SystemState]:
    return process.writer.submit(process.deployment.state())


def _ends_of(running: Sequence[Future[None]], *, on_loop: bool) -> Any:
    return asyncio.wait([asyncio.wrap_future(each) for each in running]) if on_loop else wait(running)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
