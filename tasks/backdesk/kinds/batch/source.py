"""Where the items of a batch come from: a list, or a file that is read line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backdesk.kinds.batch.contract import BatchRequest
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category
from backdesk.worker.text.json import decode

#: The longest line, with an item.
MOST_LINE_BYTES = 1024 * 1024


@contextmanager
def items_of(ctx: BlockingContext, request: BatchRequest) -> Iterator[tuple[Iterable[Any], int]]:
    """Give the items of a request, and how many there are. Raises TaskError for a file that there is not."""
    if request.items is not None:
        yield request.items, len(request.items)
        return
    with TemporaryDirectory(prefix="backdesk-batch-") as folder:
        path = Path(folder) / "items.jsonl"
        if request.file is not None:
            ctx.save_file(request.file, path)
        else:
            path.write_bytes(_lines_of(_attached(ctx, request.attachment_id or "")))
        yield _lines(path), sum(1 for _ in _lines(path))


def _attached(ctx: BlockingContext, attachment_id: str) -> bytes:
    data = ctx.attached(attachment_id)
    if data is None:
        raise _refused("no_such_file", f"{attachment_id} is not kept, or is another tenant's")
    return data


def _lines_of(data: bytes) -> bytes:
    """Return the items of an attached file one a line, of an array too: attached files are small."""
    if not data.lstrip().startswith(b"["):
        return data
    try:
        items = decode(data)
    except ValueError as error:
        raise _refused("invalid_items", f"the file is no JSON: {error}") from None
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE_BYTES):
            if len(line) == MOST_LINE_BYTES:
                raise _refused("invalid_items", f"the file has a line of {MOST_LINE_BYTES} bytes or more")
            if line.strip():
                yield Unread(line)


def _refused(code: str, message: str) -> TaskError:
    return TaskError(code, message, category=Category.VALIDATION)


class Unread(bytes):
    """An item that is still the JSON of its line: what is wrong with it is the error of the item."""
