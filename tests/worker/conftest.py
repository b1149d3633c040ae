"""A worker process without Celery around it: what runs attempts, in the test's own process."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import redis

import tests.support.kinds  # noqa: F401 - registers the kinds
from backdesk.testing.attempt import begin
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.job import JobState, Outcome
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.bodies import remembered
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.failover import Pair
from tests.support.servers import Servers
from tests.support.workers import Fleet


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> None:
    """No log is captured from bodies that put a lone surrogate into it, which pytest-xdist cannot report."""
    if "surrogate" in request.node.name:
        caplog.set_level("CRITICAL")


def take_back(board: Board, job_id: str) -> None:
    """Have a running job taken back, though its worker may renew its lease in between."""

    def taken_back() -> bool:
        board.client.zadd(board.keys.leases, {job_id: 0})
        return board.reap() == [job_id]

    eventually(taken_back, what=f"the end of the lease of {job_id}")


class Bench:
    """Runs attempts as a Celery pool would, in threads of their own."""

    def __init__(self, process: WorkerProcess, board: Board) -> None:
        self.process = process
        self.board = board

    def begin(self, job_id: str) -> Future[Outcome | None]:
        """Start one attempt at a job, as the arrival of its delivery does."""
        return begin(self.process, REGISTRY[self.board.record(job_id).kind], job_id, "worker-1")

    def run(self, kind: str, request: object, *, deadline_s: float = PATIENCE_S, **fields: Any) -> str:
        """Submit a job, make one attempt at it to its end, and return its id."""
        job_id = self.board.submit(kind=kind, request=request, **fields)
        self.begin(job_id).result(deadline_s)
        return job_id

    def begin_body(self, body: Callable[[Any], Any], *, kind: str = "body", **fields: Any) -> tuple[str, Future[Any]]:
        """Submit a job whose body is this function of the context, and start an attempt at it."""
        job_id = self.submit_body(body, kind=kind, **fields)
        return job_id, self.begin(job_id)

    def run_body(self, body: Callable[[Any], Any], *, deadline_s: float = PATIENCE_S, **fields: Any) -> str:
        """Submit such a job, make one attempt at it to its end, and return its id."""
        job_id, outcome = self.begin_body(body, **fields)
        outcome.result(deadline_s)
        return job_id

    def submit_body(self, body: Callable[[Any], Any], *, kind: str = "body", **fields: Any) -> str:
        colour = "async" if inspect.iscoroutinefunction(body) else "def"
        return self.board.submit(kind=f"{kind}.{colour}", request={"text": remembered(body)}, **fields)

    def again(self, job_id: str, deadline_s: float = PATIENCE_S) -> Outcome | None:
        """Make the next attempt at a job that is queued or parked, without the wait."""
        if self.board.state(job_id) is JobState.SCHEDULED:
            self.board.client.zadd(self.board.keys.due, {job_id: 0})
            self.board.promote()
        return self.begin(job_id).result(deadline_s)

    def lose(self, job_id: str) -> None:
        """Have a running job taken back, as though this process had been silent for the length of its lease."""
        take_back(self.board, job_id)

    def started(self, job_id: str) -> None:
        """Wait until a job runs."""
        eventually(lambda: self.board.state(job_id) is JobState.RUNNING, what=f"the start of {job_id}")


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


@pytest.fixture
def pair(fleet_of_this_test: Fleet, servers: Servers) -> Iterator[Pair]:
    """The server of a test's workers, and a replica of it."""
    replica = servers.take()
    with Pair(fleet_of_this_test.server, replica) as pair:
        yield pair
    servers.give_back(replica)
