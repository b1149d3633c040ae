"""`backdesk submit --budget` and what `show` says of it."""

from __future__ import annotations

import pytest

from backdesk.worker.model.budget import Budget, OnLimit, Spent
from backdesk.worker.model.job import Usage
from tests.cli.conftest import Cli
from tests.support.workers import Fleet


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("tokens=20000", Budget(tokens=20_000)),
        ('{"cost_usd": 0.5, "on_limit": "approve"}', Budget(cost_usd=0.5, on_limit=OnLimit.APPROVE)),
        (
            "tokens=5, cost_usd=0.5,wall_s=90 ,on_limit=cheaper",
            Budget(tokens=5, cost_usd=0.5, wall_s=90, on_limit=OnLimit.CHEAPER),
        ),
    ],
)
def test_a_budget_is_given_as_names_and_values_or_as_json(
    on_fleet: Cli, fleet: Fleet, text: str, budget: Budget
) -> None:
    answer = on_fleet("submit", "test.echo", "--text", "a", "--budget", text, "--json")
    assert answer.code == 0, answer.err
    assert fleet.jobs.get(answer.document["job_id"]).budget == budget


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("tokens", "budget"),
        ("", "budget"),
        ("tokens=", "budget"),
        ("tokens=5,tokens=6", "budget.tokens"),
        ("tokens=0", "budget.tokens"),
        ("tokens=lots", "budget.tokens"),
        ("cost_usd=nan", "budget.cost_usd"),
        ("coins=5", "budget"),
        ("{}", "budget"),
        ("[1]", "budget"),
        ('{"tokens": }', "budget"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_with_the_field(on_fleet: Cli, text: str, field: str) -> None:
    answer = on_fleet("submit", "test.echo", "--text", "a", "--budget", text)
    assert answer.code == 2
    assert field in answer.err


def test_show_says_what_is_spent_of_what(on_fleet: Cli, fleet: Fleet) -> None:
    budget = "tokens=20000,cost_usd=0.5,tool_calls=9,wall_s=3600,on_limit=approve"
    on_fleet("submit", "test.echo", "--budget", budget, "--delay", "1d", "--job-id", "frugal")
    spent = {"tokens": 12_345, "cost": 250_000, "tool_calls": 4, "unpriced": 2, "grants": 1}
    fleet.redis.hset(fleet.board.keys.spent("frugal"), mapping={**spent})  # type: ignore[dict-item]  # invariant
    shown = " ".join(on_fleet("show", "frugal").out.split())
    assert "12,345 of 20,000 tokens spent" in shown
    assert "0.25 of 0.5 USD spent, and 2 calls of unknown price" in shown
    assert "4 of 9 tool calls spent" in shown
    assert "at the limit a person is asked; as much again was granted once" in shown
    fleet.redis.delete(fleet.board.keys.spent("frugal"))
    fleet.jobs.cancel("frugal")


def test_a_cost_that_is_unknown_is_never_a_number() -> None:
    from backdesk.cli.views.budget import cost_text

    assert cost_text(None) == "cost unknown"
    assert cost_text(0.0) == "0 USD"
    assert cost_text(0.000123) == "0.000123 USD"
    assert (Usage().cost_usd, Spent(unpriced_calls=1, known_cost_usd=3).cost_usd) == (None, None)
