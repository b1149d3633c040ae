"""The kinds of job that the benchmarks run: bodies that cost nothing, so that what is measured is the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from pydantic import BaseModel

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.task import task
from backdesk.worker.model.contract import ModelCheck, RequestCheck
from backdesk.worker.settings import load_settings
from backdesk.worker.store.connection import connect_async


class NoopRequest(BaseModel):
    """A small payload."""

    n: int = 0


class WaitRequest(BaseModel):
    """How long to wait, as an agent waits for its model."""

    seconds: float


class PulseRequest(BaseModel):
    """How many events to emit, how many a second, and after which pause, in seconds."""

    count: int
    rate: float
    pause_s: float = 0.0


class StepsRequest(BaseModel):
    """How many steps to run."""

    count: int


class StepTimes(BaseModel):
    """Seconds that one of them took, by effect, and one bare write to the same Redis."""

    pure_s: float
    unsafe_s: float
    bare_s: float


class CallTimes(BaseModel):
    """Seconds that a call of an API took that was kept, and one that was not."""

    kept_s: float
    asked_s: float


class BatchRates(BaseModel):
    """Items a second, of each batch."""

    rates: list[float]


class Done(BaseModel):
    """A small result."""

    n: int


@task("bench.noop")
async def noop(_ctx: TaskContext, request: NoopRequest) -> Done:
    """Do nothing, on the event loop."""
    return Done(n=request.n)


@task("bench.noop_sync")
def noop_sync(_ctx: BlockingContext, request: NoopRequest) -> Done:
    """Do nothing, in the pool's thread."""
    return Done(n=request.n)


@task("bench.wait")
async def wait(_ctx: TaskContext, request: WaitRequest) -> Done:
    """Wait without computing."""
    await asyncio.sleep(request.seconds)
    return Done(n=1)


@task("bench.pulse")
async def pulse(ctx: TaskContext, request: PulseRequest) -> Done:
    """Emit timestamped events at a steady rate; one that is late is followed by the next at once."""
    start = time.monotonic() + request.pause_s
    for n in range(request.count):
        ahead_s = start + n / request.rate - time.monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
        ctx.emit("bench.tick", sent_ns=time.monotonic_ns())
    return Done(n=request.count)


@task("bench.steps")
async def steps(ctx: TaskContext, request: StepsRequest) -> StepTimes:
    """Run steps that do nothing, and write to the same Redis without any of the engine."""

    async def nothing() -> int:
        return 1

    taken = {}
    for effect in ("pure", "unsafe"):
        began = time.perf_counter()
        for n in range(request.count):
            await ctx.step(f"{effect}-{n}", nothing, effect=effect)
        taken[f"{effect}_s"] = (time.perf_counter() - began) / request.count
    return StepTimes(**taken, bare_s=await _bare_write_s(request.count))


@task("bench.calls_of_api")
async def calls_of_api(ctx: TaskContext, request: StepsRequest) -> CallTimes:
    """Call a declared API."""
    from benchmarks.cached_call import time_calls

    kept_s, asked_s = await time_calls(ctx, request.count)
    return CallTimes(kept_s=kept_s, asked_s=asked_s)


@task("bench.batch")
def batch(ctx: BlockingContext, request: StepsRequest) -> BatchRates:
    """Do nothing for many items."""
    from backdesk.tools import run_batch
    from benchmarks.batch import THREADS

    rates = []
    for threads in THREADS:
        began = time.perf_counter()
        run_batch(ctx, range(request.count), lambda item, _call: item, name=f"batch-{threads}", parallel=threads)
        rates.append(request.count / (time.perf_counter() - began))
    return BatchRates(rates=rates)


@task("bench.batch_awaited")
async def batch_awaited(ctx: TaskContext, request: StepsRequest) -> BatchRates:
    """Do nothing for many items, on the event loop."""
    from backdesk.tools import ItemCall, run_batch
    from benchmarks.batch import TASKS

    async def nothing(item: int, _call: ItemCall) -> int:
        return item

    began = time.perf_counter()
    await run_batch(ctx, range(request.count), nothing, parallel=TASKS)
    return BatchRates(rates=[request.count / (time.perf_counter() - began)])


async def _bare_write_s(count: int) -> float:
    settings = load_settings()
    async with connect_async(settings.url) as client:
        began = time.perf_counter()
        for n in range(count):
            await client.hset("bench:bare", f"step:{n}", '{"state":"done","value":1}')
        return (time.perf_counter() - began) / count


#: What a service that has these kinds installed checks its requests with.
CHECKS: Mapping[str, RequestCheck] = {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items()}
