"""The preparation of kinds: what they load before their first job.

Done by that job, on the event loop, it would hold up all jobs of the process.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from backdesk.worker.attempt.registry import TaskSpec

log = logging.getLogger(__name__)


def prepare(kinds: Iterable[TaskSpec], queues: Collection[str]) -> None:
    """Have the coroutines among the kinds of these queues prepare, each preparation once.

    One that fails is logged and holds nothing up: its first job meets the same, and says so where it can be read.
    """
    ours = [spec for spec in kinds if spec.is_async and spec.queue in queues]
    for preparation, kind in {spec.prepare: spec.kind for spec in ours if spec.prepare}.items():
        began = time.monotonic()
        try:
            with _without_collections():
                preparation()
        except Exception:
            log.exception("preparation_failed", extra={"kind": kind})
        else:
            log.info("prepared", extra={"kind": kind, "took_s": round(time.monotonic() - began, 2)})


@contextmanager
def _without_collections() -> Iterator[None]:
    """Look for no garbage: nearly all that is loaded stays, and the looking takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
