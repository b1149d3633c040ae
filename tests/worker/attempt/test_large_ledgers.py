"""Bodies that remember much: what there is room for is found again, and what there is not fails with the way out."""

from __future__ import annotations

import pytest

from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.worker.conftest import Bench


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_ledger_entries": 30})


def test_an_attempt_finds_all_steps_of_a_job_that_remembers_much(bench: Bench, board: Board) -> None:
    ran: list[int] = []

    async def body(ctx: TaskContext) -> int:
        def large(number: int) -> str:
            ran.append(number)
            return str(number) * 30_000

        values = [await ctx.step(f"s{number}", large, number) for number in range(20)]
        if ctx.attempt == 1:
            raise ConnectionError("away")
        return sum(map(len, values))

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert board.record(job_id).result == {"value": 10 * 30_000 + 10 * 60_000}
    assert ran == list(range(20))


@pytest.mark.parametrize("effect", ["pure", "unsafe"])
def test_one_step_too_many_fails_the_job_and_an_unsafe_one_does_not_begin(
    bench: Bench, board: Board, effect: str
) -> None:
    ran: list[int] = []

    async def body(ctx: TaskContext) -> None:
        for number in range(40):
            await ctx.step(f"s{number}", ran.append, number, effect=effect)

    job_id = bench.run_body(body)
    record = board.record(job_id)
    assert record.error is not None
    assert (record.state, record.error.code) == (JobState.FAILED, "ledger_full")
    assert "BACKDESK_MAX_LEDGER_ENTRIES" in record.error.message
    assert len(ran) == (31 if effect == "pure" else 30)
