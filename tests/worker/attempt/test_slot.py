"""The slot of an attempt goes to the job that is next, which comes with its claim."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from backdesk.worker.attempt.executor import begin
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.slot import give_up
from backdesk.worker.model.job import JobState, Outcome
from backdesk.worker.process.state import WorkerProcess
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually


@dataclass
class Seat:
    """A slot that keeps what it is handed."""

    wanted: bool = True
    handed: list[str | None] = field(default_factory=list)

    def hand_on(self, delivery: bytes, claimed: str | None) -> None:
        assert delivery
        self.handed.append(claimed)


def run(process: WorkerProcess, job_id: str, seat: Seat, kind: str = "test.echo") -> Outcome | None:
    ended: Future[Outcome | None] = Future()
    begin(process, REGISTRY[kind], job_id, "worker-1", ended, slot=seat)
    return ended.result(PATIENCE_S)


@pytest.fixture
def two(board: Board) -> tuple[str, str]:
    """Jobs, of which the first one's delivery is taken."""
    board.announce(agents=4)
    first, second = board.submit(), board.submit()
    assert board.take_delivery() == first
    return first, second


def test_a_job_that_came_with_its_claim_begins_without_another(
    process: WorkerProcess, board: Board, two: tuple[str, str]
) -> None:
    first, second = two
    seat = Seat()
    run(process, first, seat)
    assert seat.handed == [second]
    assert board.state(second) is JobState.RUNNING
    run(process, second, seat)
    assert process.claims == {}
    assert [board.event_types(job_id) for job_id in two] == [["queued", "started", "succeeded"]] * 2


def test_a_slot_that_is_not_wanted_is_left_free(process: WorkerProcess, board: Board, two: tuple[str, str]) -> None:
    first, second = two
    seat = Seat(wanted=False)
    run(process, first, seat)
    assert (seat.handed, board.delivered()) == ([], [second])


def test_an_attempt_that_leaves_its_job_leaves_its_slot_free(process: WorkerProcess, board: Board) -> None:
    board.announce(agents=4)
    first, second = (board.submit(kind="test.busy_once", request={"n": 60}) for _ in range(2))
    board.take_delivery()
    seat = Seat()
    run(process, first, seat, "test.busy_once")
    assert (board.state(first), seat.handed, board.delivered()) == (JobState.SCHEDULED, [], [second])


def test_what_is_not_begun_here_is_left_to_other_workers(
    process: WorkerProcess, board: Board, two: tuple[str, str]
) -> None:
    first, second = two
    run(process, first, Seat())
    for _ in range(2):
        give_up(process, second)
    eventually(lambda: board.state(second) is JobState.QUEUED, what="the return of the job")
    assert board.delivered() == [second]
    assert board.record(second).failures == 0


def test_a_worker_that_ends_hands_over_what_came_with_its_claim(
    process: WorkerProcess, board: Board, two: tuple[str, str]
) -> None:
    first, second = two
    run(process, first, Seat())
    process.draining = True
    assert run(process, second, Seat()) is None
    assert (board.state(second), board.delivered()) == (JobState.QUEUED, [second])
