"""The kind `batch.run`: a declared operation over many items, as `run_batch` does it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backdesk.kinds.batch import operations as _samples  # noqa: F401 - which declares them
from backdesk.kinds.batch.contract import BatchRequest, BatchResult, ItemFailure
from backdesk.kinds.batch.source import Unread, items_of
from backdesk.tools.batch.operation import OPERATIONS, ItemCall, Operation
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.contract import field_errors
from backdesk.worker.text.json import decode

if TYPE_CHECKING:
    from backdesk.tools.batch.running import BatchDone

#: A day: what takes longer is to be several jobs.
ATTEMPT_S = 86_400.0
#: What the result has of the file: so many lines, of so many bytes.
FIRST_LINES, FIRST_BYTES = 20, 32 * 1024


@task("batch.run", queue="tools", timeout=ATTEMPT_S)
def run(ctx: BlockingContext, request: BatchRequest) -> BatchResult:
    """Do the operation for each item, and return how many came to something, and where the results are."""
    from backdesk.tools.batch.running import run_batch  # noqa: PLC0415 - of no use to a worker without batches

    chosen = OPERATIONS.get(request.operation)
    if chosen is None:
        known = ", ".join(sorted(OPERATIONS))
        message = f"no module of this worker declares the operation {request.operation!r}; there are: {known}"
        raise TaskError("operation_unknown", message, category=Category.VALIDATION)
    with items_of(ctx, request) as (items, total):
        done = run_batch(
            ctx,
            items,
            _Checked(chosen),
            total=total,
            parallel=min(request.parallel or chosen.parallel, chosen.parallel),
            effect=chosen.effect,
            most_failed=request.most_failed,
        )
    return _result(ctx, request.operation, done)


class _Checked:
    """An operation that is given only what its annotation allows."""

    def __init__(self, chosen: Operation[Any, Any]) -> None:
        self._chosen = chosen
        self._items = chosen.items

    def __call__(self, item: Any, call: ItemCall) -> Any:
        try:
            read = self._items.validate_python(decode(item) if isinstance(item, Unread) else item)
        except ValidationError as error:
            wrong = "; ".join(f"{name}: {reason}".lstrip(": ") for name, reason in field_errors(error).items())
            raise TaskError("invalid_item", wrong, category=Category.VALIDATION) from None
        except ValueError as error:
            raise TaskError("invalid_item", f"it is no JSON: {error}", category=Category.VALIDATION) from None
        return self._chosen(read, call)


def _result(ctx: BlockingContext, operation: str, done: BatchDone) -> BatchResult:
    return BatchResult(
        operation=operation,
        items=done.items,
        succeeded=done.succeeded,
        failed=done.failed,
        file=done.file,
        first=first_lines(ctx, done),
        errors=[ItemFailure(**error.model_dump()) for error in done.errors],
    )


def first_lines(ctx: BlockingContext, done: BatchDone) -> list[dict[str, Any]]:
    """Return the first lines of the results, as far as they are small enough to be a part of a job's result."""
    room, found = FIRST_BYTES, []
    with TemporaryDirectory(prefix="backdesk-batch-") as folder:
        path = Path(folder) / "results.jsonl"
        ctx.save_file(done.file, path)
        with path.open("rb") as file:
            for line in islice(file, FIRST_LINES):
                room -= len(line)
                if room < 0:
                    break
                found.append(decode(line))
    return found
