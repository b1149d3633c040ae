"""One attempt at a job: a short pipeline of named steps that ends in one outcome, applied by one call of the store.

The pipeline is a generator that yields what it waits for: an answer of the store, or the coroutine of an `async def`
body. For those it is driven on the process's event loop, so that the job's Celery thread sleeps from beginning to end:
waking hundreds of threads several times a job costs more than the jobs do.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Coroutine, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from worker.context import TaskContext
from worker.encoding import encode, printable
from worker.errors import FenceLost, TaskError
from worker.job import Claim, Failed, Failure, Outcome, Refused, Succeeded
from worker.kinds import field_errors
from worker.lease import Lease
from worker.log import bound
from worker.loop import LoopBlocked, canceller
from worker.process import WorkerProcess
from worker.task import TaskSpec

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Body:
    """The coroutine of an `async def` body, to be cancelled when its lease is lost."""

    coroutine: Coroutine[Any, Any, Any]
    lease: Lease


Step = Future[Any] | Body
Pipeline = Generator[Step, Any, T]


def execute(process: WorkerProcess, spec: TaskSpec, job_id: str, worker: str) -> Outcome | None:
    """Claim a job, run its body once and end it.

    Returns how it ended, or None when there was nothing to run or another attempt has taken over. A job that was
    withdrawn before it began returns its failure here, once, for whoever waits for it at Celery. Raises nothing that
    a body could cause, not even SystemExit: that would cost a Celery pool the slot.
    """
    pipeline = _claim_and_run(process, spec, job_id, worker)
    return process.loop.run(_drive_on_loop(pipeline)).result() if spec.is_async else _drive(pipeline)


def _drive(pipeline: Pipeline[T]) -> T:
    """Run a pipeline in this thread."""
    try:
        step = next(pipeline)
        while True:
            assert isinstance(step, Future), "a `def` body has no coroutine to wait for"  # noqa: S101 - narrows the type
            try:
                answer = step.result()
            except BaseException as error:  # noqa: BLE001 - the pipeline decides what an error means
                step = pipeline.throw(error)
            else:
                step = pipeline.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns


async def _drive_on_loop(pipeline: Pipeline[T]) -> T:
    """Run a pipeline on this event loop."""
    try:
        step = next(pipeline)
        while True:
            try:
                answer = await _answer(step)
            except BaseException as error:  # noqa: BLE001 - as above
                step = pipeline.throw(_throwable(error))
            else:
                step = pipeline.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above


async def _answer(step: Step) -> Any:
    if isinstance(step, Future):
        return await asyncio.wrap_future(step)
    # A task of its own: a body that cancels "the current task" must not cancel the pipeline around it.
    body = asyncio.ensure_future(step.coroutine)
    step.lease.on_lost = canceller(body)
    return await body


def _throwable(error: BaseException) -> BaseException:
    """Return an error that can be thrown into a generator: GeneratorExit would close it instead."""
    return TaskError("exception", f"GeneratorExit: {printable(error)}") if isinstance(error, GeneratorExit) else error


def _claim_and_run(process: WorkerProcess, spec: TaskSpec, job_id: str, worker: str) -> Pipeline[Outcome | None]:
    claim = yield process.writer.submit(process.transitions.claim(job_id, worker, uuid.uuid4().hex))
    if isinstance(claim, Refused):
        log.info("delivery_dropped", extra={"job_id": job_id, "kind": spec.kind})
        return Failed(claim.failure) if claim.failure else None
    with bound(job_id=claim.job_id, kind=claim.kind, tenant=claim.tenant, attempt=claim.attempt):
        return (yield from _run_claimed(process, spec, claim))


def _run_claimed(process: WorkerProcess, spec: TaskSpec, claim: Claim) -> Pipeline[Outcome | None]:
    began = time.monotonic()
    progress = process.progress(claim)
    context = TaskContext(claim, progress)
    with process.leases.held(claim, progress, on_loop=spec.is_async) as lease:
        try:
            outcome = yield from _attempt(process, spec, claim, context, lease)
        except FenceLost:
            log.warning("attempt_abandoned")
            return None
        lease.ending = True
        progress.close()
        kept = yield process.writer.submit(process.transitions.finish(claim, outcome, context.usage))
    _report(outcome, kept=kept, seconds=time.monotonic() - began)
    return outcome if kept else None


def _attempt(
    process: WorkerProcess, spec: TaskSpec, claim: Claim, context: TaskContext, lease: Lease
) -> Pipeline[Outcome]:
    try:
        request = spec.request.model_validate_json(claim.request)
    except ValidationError as error:
        return Failed(_invalid("invalid_request", "the request does not fit the kind", error))
    try:
        value = yield from _call_body(spec, context, request, lease)
    except BaseException as error:
        if lease.lost:
            raise FenceLost from error
        return Failed(_failure_of(error))
    return _encode(process, spec, value)


def _call_body(spec: TaskSpec, context: TaskContext, request: BaseModel, lease: Lease) -> Pipeline[object]:
    if not spec.is_async:
        return spec.body(context, request)
    return (yield Body(spec.body(context, request), lease))


def _encode(process: WorkerProcess, spec: TaskSpec, value: object) -> Outcome:
    if not isinstance(value, spec.result):
        message = f"the body returned {type(value).__name__}, not {spec.result.__name__}"
        return Failed(Failure(code="invalid_result", message=message, category="data_corruption"))
    try:
        encoded = encode(value)
    except ValueError as error:
        return Failed(Failure(code="invalid_result", message=f"is no JSON: {error}", category="data_corruption"))
    limit = process.settings.max_result_bytes
    if len(encoded) > limit:
        message = f"the result is {len(encoded)} bytes as JSON, the limit is {limit}"
        return Failed(Failure(code="result_too_large", message=message, category="resource_exhaustion"))
    return Succeeded(encoded)


def _invalid(code: str, message: str, error: ValidationError) -> Failure:
    fields = field_errors(error)
    first = next(iter(fields.items()))
    return Failure(code=code, message=f"{message}: {first[0]}: {first[1]}", category="validation", fields=fields)


def _failure_of(error: BaseException) -> Failure:
    match error:
        case TaskError():
            log.info("task_error", extra={"code": error.code}, exc_info=error.__cause__)
            return Failure(code=error.code, message=error.message)
        case LoopBlocked():
            return Failure(code="loop_blocked", message=str(error), category="resource_exhaustion")
        case asyncio.CancelledError():
            return Failure(code="cancelled_itself", message="the body ended itself by cancellation")
        case _:
            log.error("task_raised", exc_info=error)
            return Failure(code="exception", message=f"{type(error).__name__}: {printable(error)}")


def _report(outcome: Outcome, *, kept: bool, seconds: float) -> None:
    facts = {"seconds": round(seconds, 3)}
    if not kept:
        log.warning("outcome_refused", extra=facts)
    elif isinstance(outcome, Failed):
        log.warning("job_failed", extra={**facts, "code": outcome.failure.code, "reason": outcome.failure.message})
    else:
        log.info("job_succeeded", extra=facts)
