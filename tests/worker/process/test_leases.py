"""Leases and the loop: live attempts are kept, lost ones are stopped, and a loop that is stuck is given up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from backdesk.testing.attempt import begin
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.job import JobState, Succeeded
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.leases import Stop
from backdesk.worker.process.periodic import Periodic
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from backdesk.worker.store.scripts import load_script
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.proxy import Proxy
from tests.worker.conftest import Bench, take_back


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_s": 1.0})


def take_over(board: Board, job_id: str) -> None:
    """Give a running job to another worker, as though this one had been silent for the length of its lease."""
    take_back(board, job_id)
    board.start(job_id, "worker-2")


# Leases


@pytest.mark.parametrize("kind", ["test.sleep", "test.sleep_def"])
def test_an_attempt_longer_than_its_lease_keeps_its_job(bench: Bench, board: Board, kind: str) -> None:
    job_id = board.submit(kind=kind, request={"n": 2.5})
    outcome = bench.begin(job_id)
    reaped: list[str] = []

    def reap_until_done() -> bool:
        reaped.extend(board.reap())
        return outcome.done()

    eventually(reap_until_done)
    assert (reaped, board.state(job_id)) == ([], JobState.SUCCEEDED)


def test_an_attempt_that_lost_its_fence_is_cancelled_and_writes_nothing(
    bench: Bench, board: Board, tmp_path: Path
) -> None:
    flag = tmp_path / "word"
    job_id = board.submit(kind="test.long_watch", request={"n": 60, "flag": str(flag)})
    outcome = bench.begin(job_id)
    eventually(lambda: board.find(job_id) and board.state(job_id) is JobState.RUNNING)
    take_over(board, job_id)
    before = board.log(job_id)
    assert outcome.result(PATIENCE_S) is None
    assert flag.read_text() == "cancelled\n"
    assert board.log(job_id) == before
    assert board.state(job_id) is JobState.RUNNING


def test_a_function_that_lost_its_fence_ends_unheard(bench: Bench, board: Board) -> None:
    job_id = board.submit(kind="test.sleep_def", request={"n": 0.5})
    outcome = bench.begin(job_id)
    eventually(lambda: board.state(job_id) is JobState.RUNNING)
    take_over(board, job_id)
    assert outcome.result(PATIENCE_S) is None
    assert board.record(job_id).result is None


def test_a_lost_attempt_is_cancelled_even_when_the_same_process_runs_the_next_one(
    bench: Bench, board: Board, tmp_path: Path
) -> None:
    flag = tmp_path / "word"
    job_id = board.submit(kind="test.long_watch", request={"n": 60, "flag": str(flag)})
    first = bench.begin(job_id)
    eventually(lambda: board.state(job_id) is JobState.RUNNING)
    bench.lose(job_id)
    assert isinstance(bench.begin(job_id).result(PATIENCE_S), Succeeded)
    eventually(first.done, what="the end of the attempt that lost its fence")
    assert first.result() is None
    assert flag.read_text() == "cancelled\n"


@pytest.mark.parametrize("ending", [True, False])
def test_an_attempt_that_is_writing_its_end_does_not_lose_its_fence_by_it(
    bench: Bench, board: Board, ending: bool
) -> None:
    claim = board.start(board.submit())
    with bench.process.leases.held(claim, bench.process.progress(claim), on_loop=False) as lease:
        lease.ending = ending
        board.succeed(claim)
        bench.process.leases.renew()
    assert (lease.stopped is Stop.LOST) is not ending


def test_the_attempts_of_a_stuck_loop_are_given_up_and_those_outside_it_are_kept(bench: Bench, board: Board) -> None:
    stuck = board.submit("stuck", kind="test.block_loop", request={"n": 4})
    apart = board.submit("apart", kind="test.sleep_def", request={"n": 4})
    outcomes = [bench.begin(job_id) for job_id in (stuck, apart)]
    assert eventually(board.reap, 4) == [stuck]
    assert isinstance(outcomes[1].result(PATIENCE_S), Succeeded)


def test_a_loop_that_is_busy_for_less_than_a_lease_loses_nothing(bench: Bench, board: Board) -> None:
    job_id = board.submit(kind="test.block_loop", request={"n": 0.3})
    bench.begin(job_id)
    end = time.monotonic() + 1.5
    eventually(lambda: board.reap() == [] and time.monotonic() > end)
    assert board.state(job_id) is JobState.RUNNING


def test_a_lease_is_renewed_in_time_though_its_connection_is_half_open(
    settings: Settings, board: Board, redis_server: EmbeddedRedis
) -> None:
    with Proxy(redis_server.port) as proxy:
        process = WorkerProcess(settings.model_copy(update={"redis_url": proxy.url, "lease_s": 4.0}))
        job_id = board.submit(kind="test.sleep", request={"n": 60})
        begin(process, REGISTRY["test.sleep"], job_id, "worker-1")
        eventually(lambda: board.state(job_id) is JobState.RUNNING)
        proxy.strand_next(load_script("renew").sha.encode())
        eventually(lambda: proxy.stranded)
        held_until = board.client.zscore(board.keys.leases, job_id)

        def reap_until_renewed() -> bool:
            assert board.reap() == []
            return board.client.zscore(board.keys.leases, job_id) != held_until

        eventually(reap_until_renewed, what="a renewal on another connection")
        process.close()


def test_time_limits_are_looked_at_as_soon_as_there_is_an_attempt_again(
    settings: Settings, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.process.leases.REST_S", 600.0)
    process = WorkerProcess(settings)
    for _ in range(2):
        claim = board.start(board.submit())
        with process.leases.held(claim, process.progress(claim), on_loop=False, timeout_s=0.01) as lease:
            eventually(lambda lease=lease: lease.stopped is Stop.TIMED_OUT)  # type: ignore[misc]  # mypy infers no lambda with a default
        eventually(lambda: process.leases.resting)
    process.close()


# The loop


@pytest.fixture
def loop() -> ProcessLoop:
    return ProcessLoop()


def test_a_coroutine_runs_with_the_context_of_its_caller(loop: ProcessLoop) -> None:
    fact = contextvars.ContextVar("fact", default="none")
    fact.set("mine")

    async def ask() -> str:
        await asyncio.sleep(0)
        return fact.get()

    assert loop.run(ask()).result(PATIENCE_S) == "mine"
    loop.stop()


def test_all_coroutines_of_a_process_share_one_loop(loop: ProcessLoop) -> None:
    async def where() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        return asyncio.get_running_loop(), threading.current_thread()

    assert loop.run(where()).result(PATIENCE_S) == loop.run(where()).result(PATIENCE_S)
    loop.stop()


def test_cancelling_the_future_cancels_the_coroutine(loop: ProcessLoop) -> None:
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    running = loop.run(wait())
    assert loop.run(asyncio.sleep(0)).result(PATIENCE_S) is None
    running.cancel()
    assert ended.wait(PATIENCE_S)
    with pytest.raises(CancelledError):
        running.result(PATIENCE_S)
    loop.stop()


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
@pytest.mark.filterwarnings("default::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_coroutine_that_would_end_the_process_ends_only_itself(loop: ProcessLoop, error: BaseException) -> None:
    async def leave() -> None:
        raise error

    left = loop.run(leave())
    eventually(left.done, what="the end of the coroutine")
    assert isinstance(left.exception(), BaseException)
    assert loop.run(asyncio.sleep(0, "alive")).result(PATIENCE_S) == "alive"
    loop.stop()


def test_a_loop_that_answers_is_not_silent(loop: ProcessLoop) -> None:
    assert loop.silent_for() == 0
    loop.run(asyncio.sleep(0)).result(PATIENCE_S)
    loop.silent_for()
    eventually(lambda: loop.silent_for() == 0)
    loop.stop()


def test_a_loop_that_is_held_up_grows_silent(loop: ProcessLoop) -> None:
    hold = threading.Event()

    async def block() -> None:
        hold.wait(PATIENCE_S)

    running = loop.run(block())
    eventually(lambda: loop.silent_for() > 0.2)
    hold.set()
    running.result(PATIENCE_S)
    eventually(lambda: loop.silent_for() == 0)
    loop.stop()


# Periodic


def test_a_periodic_action_begins_at_once_and_comes_again() -> None:
    rounds: list[int] = []
    periodic = Periodic("test", 0.01, lambda: rounds.append(1))
    periodic.start()
    eventually(lambda: len(rounds) >= 3)
    periodic.stop()
    done = len(rounds)
    periodic.stop()
    assert len(rounds) == done


def test_a_periodic_action_survives_its_errors(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []

    def action() -> None:
        rounds.append(1)
        raise ValueError("once more")

    periodic = Periodic("test", 0.01, action)
    periodic.start()
    eventually(lambda: len(rounds) >= 3)
    periodic.stop()
    assert "periodic_failed" in caplog.text


def test_a_periodic_action_is_repeated_soon_when_it_was_redis_that_failed() -> None:
    rounds: list[int] = []

    def action() -> None:
        rounds.append(1)
        raise RedisConnectionError

    periodic = Periodic("test", 600, action, retry_s=0.01)
    periodic.start()
    eventually(lambda: len(rounds) >= 3)
    periodic.stop()


def test_a_periodic_action_comes_sooner_when_it_is_hurried() -> None:
    rounds: list[int] = []
    periodic = Periodic("test", 600, lambda: rounds.append(1))
    periodic.start()
    eventually(lambda: len(rounds) == 1)
    periodic.hurry()
    eventually(lambda: len(rounds) == 2)
    periodic.stop()


def test_a_periodic_action_that_was_never_started_can_be_stopped() -> None:
    Periodic("test", 1, lambda: None).stop()


@pytest.mark.filterwarnings("error")
def test_a_loop_that_was_stopped_is_closed(loop: ProcessLoop) -> None:
    at_hand = loop.run(_running_loop()).result(PATIENCE_S)
    loop.stop()
    loop.stop()
    eventually(at_hand.is_closed, what="the end of the loop")


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
