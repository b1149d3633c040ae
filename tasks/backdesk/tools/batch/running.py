"""Doing one thing for many items, within the body of a job: `run_batch`.

The results go to a file of the job as they come, in order, and Redis gets only how far it is; so a hundred thousand
items take no more memory than a hundred, and an attempt after a crash goes on at the first item that is not written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Any, TypeVar

from pydantic import BaseModel

from backdesk.tools.batch.operation import MOST_PARALLEL, ItemCall
from backdesk.tools.batch.results import MEDIA_TYPE, Place, ResultFile
from backdesk.tools.batch.window import in_order
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import TaskError
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.forecast import Forecast
from backdesk.worker.text.json import encode
from backdesk.worker.text.masking import mask

T = TypeVar("T")

#: At most ten progress events a second; and what a batch that is cut off has to do again, at most.
REPORT_EVERY_S, KEEP_EVERY_S = 0.1, 1.0
#: What one item may leave in the file, as JSON.
MOST_RESULT_BYTES = 256 * 1024
#: Each item that must not be repeated is an entry of the job's ledger.
MOST_UNSAFE = 1_000
#: How often a batch is begun again whose results another attempt has written into.
TRIES = 3
#: Errors that are told with the summary, and the characters of each.
MOST_TOLD, MOST_TOLD_TEXT = 20, 500

#: Items, or what gives them from an index on, where that is cheaper than to go past those that are done.
Items = Iterable[T] | Callable[[int], Iterable[T]]


class ItemError(BaseModel):
    """Why an item came to nothing: `code` as of a job that fails."""

    index: int
    code: str
    message: str


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


@dataclass(frozen=True, slots=True)
class Line:
    """The result of one item as it is written, and its error if it has failed."""

    written: bytes
    error: ItemError | None = None


def run_batch(
    ctx: BlockingContext,
    items: Items[T],
    work: Callable[[T, ItemCall], Any],
    *,
    name: str = "batch",
    total: int | None = None,
    parallel: int = 8,
    effect: Effect | str = Effect.IDEMPOTENT,
    most_failed: int | None = None,
) -> BatchDone:
    """Do `work(item, call)` for each item, up to `parallel` of them at a time in threads, and return what came of it.

    An exception of the work is the result of its item, and the others go on; beyond `most_failed` of them the job fails
    as `batch_failed`. What is not written when an attempt is cut off, a second's worth at most and what is under way,
    is done again, with the same `call.key`; `unsafe` items are done one at a time, each a step of the job, which a
    person is asked about when nobody knows whether it took effect. `items` must be the same in every attempt. A job
    may do several batches by several names, one after the other; they share its checkpoint. Progress tells how many are
    done, of `total` if that is known, and when it will be ready.

    Raises TaskError, ValueError for options that are out of bounds, and what the context raises.
    """
    if not 1 <= parallel <= MOST_PARALLEL:
        raise ValueError(f"parallel must be 1 to {MOST_PARALLEL}, not {parallel}")
    finish = f"{name}/file"
    done = None
    if not ctx.finished(finish):
        batch = _Batch(ctx, work, name, _length(items) if total is None else total, most_failed)
        done = batch.run(items, parallel, Effect(effect))
    result = ctx.step(finish, partial(_known, done), effect=Effect.PURE, returns=BatchDone)
    ctx.file_parts(name).discard()
    return result


def _known(done: BatchDone | None) -> BatchDone:
    if done is None:
        raise AssertionError("what is finished is not done again")
    return done


class _Batch:
    """One batch in one attempt."""

    def __init__(
        self,
        ctx: BlockingContext,
        work: Callable[[Any, ItemCall], Any],
        name: str,
        total: int | None,
        most_failed: int | None,
    ) -> None:
        self._ctx = ctx
        self._work = work
        self._name = name
        self._total = total
        self._most_failed = most_failed
        self._parts = ctx.file_parts(name)
        self._file = ResultFile(self._parts, self._restored(), self._keep)
        self._errors: list[ItemError] = []
        self._forecast = Forecast()
        self._kept_at = self._reported_at = time.monotonic()

    def run(self, items: Items[Any], parallel: int, effect: Effect) -> BatchDone:
        """Do all items that are not done, and return what came of them."""
        for _ in range(TRIES):
            self._do(items, parallel, effect)
            place = self._file.place
            file = self._parts.compose(place.parts, media_type=MEDIA_TYPE, name=f"{self._name}.jsonl")
            if file.bytes == place.bytes:
                succeeded = place.items - place.failed
                told = {"items": place.items, "succeeded": succeeded, "failed": place.failed}
                return BatchDone(**told, file=file, errors=self._errors)
            # An attempt that had lost the job without knowing it has put a part of its own in the place of one of ours.
            self._keep(Place())
            self._file, self._errors = ResultFile(self._parts, Place(), self._keep), []
        raise TaskError("batch_disturbed", "attempts that had lost the job go on writing into its results")

    def _do(self, items: Items[Any], parallel: int, effect: Effect) -> None:
        begun = self._file.items
        self._report()
        calls = zip(count(begun), _from(items, begun), strict=False)
        if effect is Effect.UNSAFE:
            lines = self._one_by_one(calls)
        else:
            lines = in_order(calls, self._safely, parallel, lambda line: len(line.written))
        with closing(lines):
            for line in lines:
                self._take(line)
        self._file.write()
        self._total = self._file.items
        self._report()

    def _take(self, line: Line) -> None:
        self._file.add(line.written, failed=line.error is not None)
        if line.error is not None and len(self._errors) < MOST_TOLD:
            self._errors.append(line.error)
        if self._most_failed is not None and self._file.failed > self._most_failed:
            first = self._errors[0]
            raise TaskError("batch_failed", f"{self._file.failed} items failed; item {first.index}: {first.message}")
        now = time.monotonic()
        if now - self._reported_at >= REPORT_EVERY_S:
            self._reported_at = now
            self._report()
        if now - self._kept_at >= KEEP_EVERY_S or self._file.full or self._ctx.draining:
            self._file.write()
            self._kept_at = now

    def _safely(self, call: tuple[int, Any]) -> Line:
        """Do one item; whatever it raises is its result."""
        index, item = call
        key = self._ctx.idempotency_key(f"{self._name}/{index}")
        try:
            return _line(index, self._work(item, ItemCall(index, key, self._ctx.tenant)))
        except Exception as error:  # noqa: BLE001 - one item's error is beside the results of the others
            return _failed(index, error)

    def _one_by_one(self, calls: Iterator[tuple[int, Any]]) -> Generator[Line]:
        """Do items of which none may be done twice: each is a step."""
        for index, item in calls:
            if index >= MOST_UNSAFE:
                raise TaskError("batch_too_large", f"at most {MOST_UNSAFE} items that must not be repeated are one job")
            step = f"{self._name}/{index}"
            call = ItemCall(index, self._ctx.idempotency_key(step), self._ctx.tenant)
            try:
                value = self._ctx.step(step, partial(self._work, item, call), effect=Effect.UNSAFE, returns=Any)
            except TaskError as error:  # which says that it took no effect
                yield _failed(index, error)
            else:
                yield _line(index, value)

    def _restored(self) -> Place:
        kept = self._ctx.restored
        return Place.model_validate(kept[self._name]) if isinstance(kept, dict) and self._name in kept else Place()

    def _keep(self, place: Place) -> None:
        self._ctx.checkpoint({self._name: place.model_dump()})

    def _report(self) -> None:
        done, failed, total = self._file.items, self._file.failed, self._total
        self._forecast.observe(done, total)
        of = f" of {total:,}" if total is not None else ""
        message = f"{done:,}{of} items{f', {failed:,} failed' if failed else ''}"
        counts = {"done": done, "failed": failed, **({} if total is None else {"total": total})}
        fraction = None if total is None else min(1.0, done / total) if total else 1.0
        self._ctx.progress(fraction, message, **counts, **self._forecast.as_data())


def _line(index: int, value: Any) -> Line:
    try:
        encoded = encode(value)
    except ValueError as error:
        return _error(index, "invalid_item_result", f"what it returned is no JSON: {error}")
    if len(encoded) > MOST_RESULT_BYTES:
        size = f"{len(encoded)} bytes as JSON, the limit is {MOST_RESULT_BYTES}"
        return _error(index, "item_result_too_large", f"what it returned is {size}")
    return Line(b'{"index":%d,"result":%b}\n' % (index, encoded))


def _failed(index: int, error: Exception) -> Line:
    failure = classify(error)
    return _error(index, failure.code, mask(failure.message)[:MOST_TOLD_TEXT])


def _error(index: int, code: str, message: str) -> Line:
    told = ItemError(index=index, code=code, message=message)
    return Line(encode({"index": index, "error": {"code": code, "message": message}}) + b"\n", told)


def _from(items: Items[T], index: int) -> Iterator[T]:
    return iter(items(index)) if callable(items) else islice(items, index, None)


def _length(items: Items[Any]) -> int | None:
    return len(items) if isinstance(items, Sized) else None
