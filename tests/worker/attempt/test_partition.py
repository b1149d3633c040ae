"""A worker that is cut off from Redis does not go on as though its jobs were surely still its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.job import JobState, Succeeded
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.proxy import Proxy
from tests.worker.conftest import Bench

LEASE_S = 0.5


@pytest.fixture
def network(redis_server: EmbeddedRedis) -> Iterator[Proxy]:
    """What is between the worker and Redis; the test itself is not behind it."""
    with Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def cut_off_s() -> float:
    """Longer than a test takes; one that waits for it says otherwise."""
    return 600


@pytest.fixture
def process(network: Proxy, settings: Settings, cut_off_s: float) -> Iterator[WorkerProcess]:
    ours = {"redis_url": network.url, "lease_s": LEASE_S, "socket_timeout_s": 0.3, "cut_off_s": cut_off_s}
    process = WorkerProcess(settings.model_copy(update=ours))
    yield process
    network.heal()
    process.close()


class Doing:
    """A body that takes a step, goes on when it is told to, and takes another one."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        self.steps: list[str] = []
        self.between, self.go_on = threading.Event(), threading.Event()

    async def body(self, ctx: Any) -> str:
        await ctx.step("first", self._first, effect=self.effect)
        self.between.set()
        while not self.go_on.is_set():  # noqa: ASYNC110 - told by another thread
            await asyncio.sleep(0.01)
        await ctx.step("second", self._second, effect=self.effect)
        return "done"

    async def _first(self) -> str:
        self.steps.append("first")
        return "done"

    async def _second(self) -> str:
        self.steps.append("second")
        return "done"


def lease_of(process: WorkerProcess) -> Any:
    (lease,) = process.leases._leases.values()
    return lease


def has_begun(doing: Doing) -> bool:
    """Whether the second step begins within the time that it would need for that many times over."""
    with suppress(AssertionError):
        return eventually(lambda: doing.steps == ["first", "second"], 0.3)
    return False


EFFECTS = pytest.mark.parametrize("effect", list(Effect))


@EFFECTS
def test_a_step_is_not_begun_for_a_job_that_another_worker_has_by_now(
    bench: Bench, board: Board, network: Proxy, effect: Effect
) -> None:
    doing = Doing(effect)
    job_id, outcome = bench.begin_body(doing.body)
    assert doing.between.wait(PATIENCE_S)
    network.cut_off()
    eventually(lambda: lease_of(bench.process).overdue)
    bench.lose(job_id)
    board.start(job_id, "worker-2", resumes="*")
    doing.go_on.set()
    assert not has_begun(doing)
    network.heal()
    assert outcome.result(PATIENCE_S) is None
    assert doing.steps == ["first"]


@EFFECTS
def test_a_step_waits_for_the_store_and_runs_when_the_job_is_still_its_own(
    bench: Bench, network: Proxy, effect: Effect
) -> None:
    doing = Doing(effect)
    _, outcome = bench.begin_body(doing.body)
    assert doing.between.wait(PATIENCE_S)
    network.cut_off()
    eventually(lambda: lease_of(bench.process).overdue)
    doing.go_on.set()
    assert not has_begun(doing)
    network.heal()
    assert isinstance(outcome.result(PATIENCE_S), Succeeded)
    assert doing.steps == ["first", "second"]


@pytest.mark.parametrize("cut_off_s", [2.0])
def test_an_attempt_that_is_cut_off_for_too_long_is_broken_off_and_handed_over_once_that_can_be_said(
    bench: Bench, board: Board, network: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    doing = Doing(Effect.PURE)
    job_id, outcome = bench.begin_body(doing.body)
    assert doing.between.wait(PATIENCE_S)
    network.cut_off()
    eventually(lambda: "cut_off" in caplog.text)
    assert board.state(job_id) is JobState.RUNNING
    network.heal()
    assert type(outcome.result(PATIENCE_S)).__name__ == "HandedOver"
    assert board.state(job_id) is JobState.QUEUED
    assert not board.client.hexists(board.keys.job(job_id), "crashes")
