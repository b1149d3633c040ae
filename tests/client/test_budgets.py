"""Budgets from outside: refused at the edge when they make no sense, kept with the job, read with what is spent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.budget import Amount, Budget, Estimate, OnLimit
from backdesk.worker.model.job import Claim
from tests.support.board import Board
from tests.support.clients import Client

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("budget", "field"),
    [
        ({}, "budget"),
        ({"on_limit": "approve"}, "budget"),
        ({"tokens": 0}, "budget.tokens"),
        ({"tokens": -5}, "budget.tokens"),
        ({"tokens": 1.5}, "budget.tokens"),
        ({"tokens": "100"}, "budget.tokens"),
        ({"tokens": True}, "budget.tokens"),
        ({"tokens": 10**13}, "budget.tokens"),
        ({"cost_usd": float("nan")}, "budget.cost_usd"),
        ({"cost_usd": float("inf")}, "budget.cost_usd"),
        ({"cost_usd": -0.5}, "budget.cost_usd"),
        ({"cost_usd": 0}, "budget.cost_usd"),
        ({"cost_usd": 0.0000001}, "budget.cost_usd"),
        ({"wall_s": 0}, "budget.wall_s"),
        ({"model_calls": 0}, "budget.model_calls"),
        ({"tool_calls": -1}, "budget.tool_calls"),
        ({"tokens": 5, "coins": 3}, "budget.coins"),
        ({"tokens": 5, "on_limit": "ignore"}, "budget.on_limit"),
        ("tokens=5", "budget"),
        ([5], "budget"),
    ],
)
async def test_a_budget_that_makes_no_sense_is_refused_with_the_field(
    jobs: Client, board: Board, budget: Any, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await jobs.submit("test.echo", {"text": "a"}, budget=budget)
    assert refused.value.field == field
    with pytest.raises(InvalidRequest):
        await jobs.submit_many("test.echo", [{"text": "a"}], budget=budget)
    assert not await jobs.list()


@pytest.mark.parametrize(
    "budget", [Budget(tokens=50, cost_usd=0.25, on_limit=OnLimit.APPROVE), {"wall_s": 1.5}, {"cost_usd": 1}]
)
async def test_a_budget_is_kept_with_the_job(jobs: Client, budget: Any) -> None:
    job = await jobs.submit("test.echo", {"text": "a"}, budget=budget)
    (many,) = await jobs.submit_many("test.echo", [{"text": "b"}], budget=budget)
    for job_id in (job.id, many.id):
        assert (await jobs.get(job_id)).budget == Budget.model_validate(budget)


async def test_a_job_without_a_budget_shows_none(jobs: Client) -> None:
    record = await jobs.get((await jobs.submit("test.echo", {"text": "a"})).id)
    assert (record.budget, record.spent) == (None, None)


def spend(board: Board, job_id: str, tokens: int, cost_usd: float | None = 0.0) -> Claim:
    claim = board.start(job_id)
    estimate = Estimate(Amount(tokens=tokens, cost_usd=cost_usd, model_calls=1))
    board.run(board.spending.spend(claim, 1, estimate, in_any_case=True))
    return claim


async def test_a_record_shows_what_the_job_has_spent(jobs: Client, board: Board) -> None:
    job = await jobs.submit("test.echo", {"text": "a"}, budget={"tokens": 50})
    spend(board, job.id, 20, 0.5)
    spent = (await jobs.get(job.id)).spent
    assert spent is not None
    assert (spent.tokens, spent.cost_usd, spent.model_calls) == (20, 0.5, 1)


async def test_a_replay_keeps_the_budget_and_has_spent_nothing_of_it(jobs: Client, board: Board) -> None:
    job = await jobs.submit("test.echo", {"text": "a"}, budget={"tokens": 50})
    board.fail(spend(board, job.id, 50))
    again = await jobs.dead.replay(job.id)
    record = await jobs.get(again.id)
    assert (record.budget, record.spent) == (Budget(tokens=50), None)
    board.fail(board.start(again.id))
    third = await jobs.dead.replay(again.id, budget={"tokens": 500})
    assert (await jobs.get(third.id)).budget == Budget(tokens=500)


async def test_each_job_of_a_schedule_has_its_budget(jobs: Client) -> None:
    kept = await jobs.schedules.add("often", "test.echo", {"text": "a"}, every=60, budget={"tokens": 50})
    assert kept.record.budget == Budget(tokens=50)
    assert (await jobs.schedules.get("often")).budget == Budget(tokens=50)
    assert (await jobs.get((await jobs.schedules.run("often")).id)).budget == Budget(tokens=50)
    with pytest.raises(InvalidRequest, match=r"budget\.tokens"):
        await jobs.schedules.add("never", "test.echo", {"text": "a"}, every=60, budget={"tokens": 0})


# Tenants and days


async def test_what_a_tenant_spends_is_read_by_day_with_its_limits(jobs: Client, board: Board) -> None:
    board.client.hset(board.keys.tenant("*"), mapping={"tokens_per_day": "100", "on_budget": "approve"})
    board.client.hset(board.keys.tenant("acme"), mapping={"cost_per_day_usd": "2.5"})
    job = await jobs.submit("test.echo", {"text": "a"}, tenant="acme")
    spend(board, job.id, 20, 0.5)
    today, yesterday = await jobs.tenants.spending("acme", days=2)
    days = [datetime.now(UTC).date() - timedelta(days=ago) for ago in (0, 1)]
    assert [today.day, yesterday.day] == [day.isoformat() for day in days]
    assert (today.tokens, today.cost_usd, today.model_calls, today.jobs) == (20, 0.5, 1, 1)
    assert (yesterday.tokens, yesterday.jobs) == (0, 0)
    assert (today.limits.tokens, today.limits.cost_usd, today.limits.on_limit) == (100, 2.5, "approve")


async def test_a_cost_of_which_a_part_is_unknown_is_unknown(jobs: Client, board: Board) -> None:
    for cost_usd in (0.5, None):
        job = await jobs.submit("test.echo", {"text": "a"}, tenant="acme")
        spend(board, job.id, 20, cost_usd)
    (today,) = await jobs.tenants.spending("acme")
    assert (today.cost_usd, today.known_cost_usd, today.unpriced_calls) == (None, 0.5, 1)


async def test_all_who_spend_today_are_listed_by_name(jobs: Client, board: Board) -> None:
    assert await jobs.tenants.spending_today() == []
    board.client.hset(board.keys.tenant("globex"), mapping={"tokens_per_day": "none"})
    for tenant, tokens in (("globex", 7), ("acme", 5), ("globex", 8)):
        job = await jobs.submit("test.echo", {"text": "a"}, tenant=tenant)
        spend(board, job.id, tokens)
    listed = await jobs.tenants.spending_today()
    assert [(each.tenant, each.tokens, each.jobs, each.limits.tokens) for each in listed] == [
        ("acme", 5, 1, None),
        ("globex", 15, 2, None),
    ]


@pytest.mark.parametrize("text", ["plenty", "-3", "nan", "inf"])
async def test_a_limit_that_is_no_number_reads_as_nothing_allowed(jobs: Client, board: Board, text: str) -> None:
    board.client.hset(board.keys.tenant("acme"), mapping={"tokens_per_day": text})
    (today,) = await jobs.tenants.spending("acme")
    assert today.limits.tokens == 0


@pytest.mark.parametrize("days", [0, -1, 41, 1.5, True, "2"])
async def test_days_that_make_no_sense_are_refused(jobs: Client, days: Any) -> None:
    with pytest.raises(InvalidRequest, match="from 1 to 40"):
        await jobs.tenants.spending("acme", days=days)
