"""Doing one thing for many items, within the body of a job: `run_batch`.

The results go to a file of the job as they come, in order, and Redis gets only how far it is; so a hundred thousand
items take no more memory than a hundred, and an attempt after a crash goes on at the first item that is not written.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Sized
from contextlib import aclosing, closing
from functools import partial
from typing import Any, TypedDict, TypeVar, overload

from pydantic import BaseModel
from typing_extensions import Unpack

from backdesk.tools.batch.hands import Hands, Tasks, Threads
from backdesk.tools.batch.lines import ItemError, Line, failed, line
from backdesk.tools.batch.operation import MOST_PARALLEL, ItemCall
from backdesk.tools.batch.results import MEDIA_TYPE, Place, ResultFile
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.blobs.parts import Parts
from backdesk.worker.errors import TaskError
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.forecast import Forecast
from backdesk.worker.pipeline import Pipeline, Run, drive, drive_async

T = TypeVar("T")

#: At most ten progress events a second; and what a batch that is cut off has to do again, at most.
REPORT_EVERY_S, KEEP_EVERY_S = 0.1, 1.0
#: Each item that must not be repeated is an entry of the job's ledger.
MOST_UNSAFE = 1_000
#: How often a batch is begun again whose results another attempt has written into.
TRIES = 3
#: Errors that are told with the summary.
MOST_TOLD = 20
#: What is left out of a call.
USUAL_NAME, USUAL_PARALLEL = "batch", 8

#: Items, or what gives them from an index on, where that is cheaper than to go past those that are done.
Items = Iterable[T] | Callable[[int], Iterable[T]]
#: The same, to be awaited.
AwaitedItems = AsyncIterable[T] | Callable[[int], AsyncIterable[T]]


class BatchOptions(TypedDict, total=False):
    """How a batch is done; see `run_batch`."""

    name: str
    total: int | None
    parallel: int
    effect: Effect | str
    most_failed: int | None


class BatchDone(BaseModel):
    """What came of a batch. In `file` there is a line for each item, in their order.

    A line is `{"index": 0, "result": ...}`, or `{"index": 0, "error": {"code": ..., "message": ...}}`.
    """

    items: int
    succeeded: int
    failed: int
    file: BlobRef
    #: The first of the errors that the attempt met which came to the end.
    errors: list[ItemError] = []


@overload
def run_batch(
    ctx: BlockingContext, items: Items[T], work: Callable[[T, ItemCall], Any], **options: Unpack[BatchOptions]
) -> BatchDone: ...


@overload
def run_batch(
    ctx: TaskContext,
    items: Items[T] | AwaitedItems[T],
    work: Callable[[T, ItemCall], Awaitable[Any]],
    **options: Unpack[BatchOptions],
) -> Coroutine[Any, Any, BatchDone]: ...


def run_batch(
    ctx: BlockingContext | TaskContext,
    items: Any,
    work: Callable[[Any, ItemCall], Any],
    **options: Unpack[BatchOptions],
) -> BatchDone | Coroutine[Any, Any, BatchDone]:
    """Do `work(item, call)` for each item, up to `parallel` of them at a time, and return what came of it.

    In a `def` body it blocks, and items are done in threads. In an `async def` body it is awaited, the work is an
    `async def`, and items are done as tasks of the event loop.

    An exception of the work is the result of its item, and the others go on; beyond `most_failed` of them the job fails
    as `batch_failed`. What is not written when an attempt is cut off, a second's worth at most and what is under way,
    is done again, with the same `call.key`; `unsafe` items are done one at a time, each a step of the job, which a
    person is asked about when nobody knows whether it took effect. `items` must be the same in every attempt. A job
    may do several batches by several names, one after the other; they share its checkpoint. Progress tells how many are
    done, of `total` if that is known, and when it will be ready.

    Raises TaskError, ValueError for options that are out of bounds, and what the context raises.
    """
    parallel = options.get("parallel", USUAL_PARALLEL)
    if not 1 <= parallel <= MOST_PARALLEL:
        raise ValueError(f"parallel must be 1 to {MOST_PARALLEL}, not {parallel}")
    if isinstance(ctx, TaskContext):
        return _awaited(ctx, items, work, parallel, options)
    with closing(Threads(parallel)) as hands:
        return drive(_batch(ctx, hands, items, work, options))


async def _awaited(
    ctx: TaskContext, items: Any, work: Callable[[Any, ItemCall], Any], parallel: int, options: BatchOptions
) -> BatchDone:
    async with aclosing(Tasks(parallel)) as hands:
        return await drive_async(_batch(ctx, hands, items, work, options))


def _batch(
    ctx: BlockingContext | TaskContext,
    hands: Hands,
    items: Any,
    work: Callable[[Any, ItemCall], Any],
    options: BatchOptions,
) -> Pipeline[BatchDone]:
    name = options.get("name", USUAL_NAME)
    finish, done = f"{name}/file", None
    parts: Parts = yield hands.apart(partial(ctx.file_parts, name))
    if not ctx.finished(finish):
        effect = Effect(options.get("effect", Effect.IDEMPOTENT))
        done = yield from _Batch(ctx, hands, work, name, parts).run(items, effect, options)
    known = partial(_known, done)
    result: BatchDone = yield Run(partial(ctx.step, finish, known, effect=Effect.PURE, returns=BatchDone))
    yield hands.apart(parts.discard)
    return result


def _known(done: BatchDone | None) -> BatchDone:
    if done is None:
        raise AssertionError("what is finished is not done again")
    return done


class _Batch:
    """One batch in one attempt."""

    def __init__(
        self,
        ctx: BlockingContext | TaskContext,
        hands: Hands,
        work: Callable[[Any, ItemCall], Any],
        name: str,
        parts: Parts,
    ) -> None:
        self._ctx = ctx
        self._hands = hands
        self._work = work
        self._name = name
        self._total: int | None = None
        self._parts = parts
        self._file = self._file_at(self._restored())
        self._errors: list[ItemError] = []
        self._forecast = Forecast()
        self._kept_at = self._reported_at = time.monotonic()

    def run(self, items: Any, effect: Effect, options: BatchOptions) -> Pipeline[BatchDone]:
        """Do all items that are not done, and return what came of them."""
        total, most_failed = options.get("total"), options.get("most_failed")
        self._total = _length(items) if total is None else total
        for _ in range(TRIES):
            yield from self._do(items, effect, most_failed)
            place = self._file.place
            compose = partial(self._parts.compose, media_type=MEDIA_TYPE, name=f"{self._name}.jsonl")
            file: BlobRef = yield self._hands.apart(partial(compose, place.parts))
            if file.bytes == place.bytes:
                succeeded = place.items - place.failed
                told = {"items": place.items, "succeeded": succeeded, "failed": place.failed}
                return BatchDone(**told, file=file, errors=self._errors)
            # An attempt that had lost the job without knowing it has put a part of its own in the place of one of ours.
            yield self._keep(Place())
            self._file, self._errors = self._file_at(Place()), []
        raise TaskError("batch_disturbed", "attempts that had lost the job go on writing into its results")

    def _do(self, items: Any, effect: Effect, most_failed: int | None) -> Pipeline[None]:
        self._report()
        unsafe = effect is Effect.UNSAFE
        self._hands.begin(items, self._file.items, None if unsafe else self._called)
        while (found := (yield Run(self._hands.next))) is not None:
            done: Line = (yield from self._once(*found)) if unsafe else found
            self._file.add(done.written, failed=done.error is not None)
            self._check(done.error, most_failed)
            yield from self._told()
        yield from self._file.write()
        self._total = self._file.items
        self._report()

    def _called(self, index: int, item: Any) -> Any:
        key = self._ctx.idempotency_key(f"{self._name}/{index}")
        return self._work(item, ItemCall(index, key, self._ctx.tenant))

    def _once(self, index: int, item: Any) -> Pipeline[Line]:
        """Do an item that must not be done twice: as a step."""
        if index >= MOST_UNSAFE:
            raise TaskError("batch_too_large", f"at most {MOST_UNSAFE} items that must not be repeated are one job")
        call = partial(self._called, index, item)
        step = partial(self._ctx.step, f"{self._name}/{index}", call, effect=Effect.UNSAFE, returns=Any)
        try:
            value = yield Run(step)
        except TaskError as error:  # which says that it took no effect
            return failed(index, error)
        return line(index, value)

    def _check(self, error: ItemError | None, most_failed: int | None) -> None:
        if error is not None and len(self._errors) < MOST_TOLD:
            self._errors.append(error)
        if most_failed is not None and self._file.failed > most_failed:
            first = self._errors[0]
            raise TaskError("batch_failed", f"{self._file.failed} items failed; item {first.index}: {first.message}")

    def _told(self) -> Pipeline[None]:
        """Tell how far it is, and keep what is done, when it is time."""
        now = time.monotonic()
        if now - self._reported_at >= REPORT_EVERY_S:
            self._reported_at = now
            self._report()
        if now - self._kept_at >= KEEP_EVERY_S or self._file.full or self._ctx.draining:
            yield from self._file.write()
            self._kept_at = now

    def _file_at(self, place: Place) -> ResultFile:
        return ResultFile(self._parts, place, self._keep, self._hands.apart)

    def _restored(self) -> Place:
        kept = self._ctx.restored
        return Place.model_validate(kept[self._name]) if isinstance(kept, dict) and self._name in kept else Place()

    def _keep(self, place: Place) -> Run:
        return Run(partial(self._ctx.checkpoint, {self._name: place.model_dump()}))

    def _report(self) -> None:
        done, failed, total = self._file.items, self._file.failed, self._total
        self._forecast.observe(done, total)
        of = f" of {total:,}" if total is not None else ""
        message = f"{done:,}{of} items{f', {failed:,} failed' if failed else ''}"
        counts = {"done": done, "failed": failed, **({} if total is None else {"total": total})}
        fraction = None if total is None else min(1.0, done / total) if total else 1.0
        self._ctx.progress(fraction, message, **counts, **self._forecast.as_data())


def _length(items: Items[Any]) -> int | None:
    return len(items) if isinstance(items, Sized) else None
