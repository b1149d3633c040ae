"""A bench that runs jobs as they come, for commands and clients of the same process that wait for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backdesk.testing import Bench
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.job import JobState
from backdesk.worker.store.connection import connect
from backdesk.worker.store.keys import Keys
from tests.support.eventually import PAUSE_S


@contextmanager
def served(bench: Bench) -> Iterator[None]:
    """Announce the kinds of this process as a worker does, and run what is queued, while the block lasts."""
    kinds = {kind: spec.contract.model_dump_json() for kind, spec in REGISTRY.items()}
    with connect(bench.settings.url) as client:
        client.hset(Keys(bench.settings.prefix).kinds, mapping=kinds)
    over = threading.Event()
    thread = threading.Thread(target=_run, args=(bench, over), name="served", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _run(bench: Bench, over: threading.Event) -> None:
    queued = Keys(bench.settings.prefix).state(JobState.QUEUED)
    with connect(bench.settings.url) as client:
        while not over.wait(PAUSE_S):
            for job_id in client.zrange(queued, 0, -1):
                bench.go_on(bench.job(job_id.decode()))
