"""A worker process without Celery around it: what runs attempts, in the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import redis

import tests.support.kinds  # noqa: F401 - registers the kinds
from tests.support.board import Board
from worker.executor import execute
from worker.job import Outcome
from worker.process import WorkerProcess
from worker.settings import Settings
from worker.task import REGISTRY


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> None:
    """No log is captured from bodies that put a lone surrogate into it; see `Bench`."""
    if "surrogate" in request.node.name:
        caplog.set_level("CRITICAL")


class Bench:
    """Runs attempts as a Celery pool would, in threads of their own."""

    def __init__(self, process: WorkerProcess, board: Board) -> None:
        self.process = process
        self.board = board

    def begin(self, job_id: str) -> Future[Outcome | None]:
        """Start one attempt at a job, as the arrival of its delivery does."""
        spec = REGISTRY[self.board.record(job_id).kind]
        outcome: Future[Outcome | None] = Future()

        def run() -> None:
            try:
                outcome.set_result(execute(self.process, spec, job_id, "worker-1"))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                # In ASCII, because pytest-xdist cannot report a lone surrogate, which some bodies put into messages.
                outcome.set_exception(AssertionError(f"execute raised {error!a}"))

        threading.Thread(target=run, daemon=True).start()
        return outcome

    def run(self, kind: str, request: object, *, deadline_s: float = 10, **fields: Any) -> str:
        """Submit a job, make one attempt at it to its end, and return its id."""
        job_id = self.board.submit(kind=kind, request=request, **fields)
        self.begin(job_id).result(deadline_s)
        return job_id


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    """The store under the server's own clock."""
    return Board(client, settings)


@pytest.fixture
def process(settings: Settings) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings)
    yield process
    process.close()


@pytest.fixture
def bench(process: WorkerProcess, board: Board) -> Bench:
    return Bench(process, board)
