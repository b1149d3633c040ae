"""Agents under budgets, by the real engine and a real store: what is counted, and what comes at the limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import redis

import backdesk.kinds.support.kind  # noqa: F401 - registers the kind
from backdesk.agents.provider import close_model
from backdesk.agents.runtime.budgeted import LEAST_ANSWER_TOKENS
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from backdesk.worker.attempt.executor import execute
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Answer
from backdesk.worker.model.budget import Budget, OnLimit
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from tests.kinds.support.asking import customer_of
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S
from tests.support.listening import listening
from tests.support.openai_simulator import Fault, OpenAISimulator, Text, call

TO_REFUND = call("hand_over", to="refund", reason="wants money back for 10003")
LOOK_UP = call("look_up_order", order_number=10003)
DONE = Text("Your parcel is on its way.")
PRICES = {"dear": {"input": 100, "output": 100}, "cheap": {"input": 1, "output": 1}}


class Agents:
    """The support agents in a worker process, on a store in the test's hands."""

    def __init__(self, board: Board, process: WorkerProcess) -> None:
        self.board = board
        self.process = process

    def run(self, budget: Budget | None = None, *, message: str = "I return order 10003", **fields: Any) -> JobRecord:
        """Submit a message, make one attempt at it, and return its record."""
        request = {"message": message, "customer_id": customer_of(message)}
        return self.again(self.board.submit(kind="support.request", request=request, budget=budget, **fields))

    def again(self, job_id: str) -> JobRecord:
        """Make the next attempt at a job."""
        if self.board.state(job_id) is JobState.SCHEDULED:
            self.board.client.zadd(self.board.keys.due, {job_id: 0})
            self.board.promote()
        execute(self.process, REGISTRY["support.request"], job_id, "worker-1")
        return self.board.record(job_id)

    def answer(self, record: JobRecord, decision: str) -> None:
        (ask,) = record.asks
        self.board.answer(record.id, ask.name, Answer(decision=decision, by="ada").model_dump())


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def agents(board: Board, settings: Settings, shop: Database) -> Iterator[Agents]:
    process = WorkerProcess(settings)
    yield Agents(board, process)
    process.loop.run(close_model()).result(PATIENCE_S)
    process.close()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shop: Database) -> Iterator[OpenAISimulator]:
    """A provider whose two models have a price."""
    table = tmp_path / "prices.json"
    table.write_text(json.dumps(PRICES))
    monkeypatch.setenv("BACKDESK_PRICES", str(table))
    monkeypatch.setenv("BACKDESK_MODEL", "dear")
    with OpenAISimulator().running() as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
        reset()
        yield simulator


@pytest.fixture
def watched(request: pytest.FixtureRequest, client: redis.Redis) -> Iterator[None]:
    """With the parameter True, somebody watches, so that answers are streamed."""
    with listening(client, "backdesk:progress:tenant:acme") if request.param else nullcontext():
        yield


both_ways = pytest.mark.parametrize("watched", [False, True], indirect=True, ids=["whole", "streamed"])


def error_of(record: JobRecord) -> Failure:
    """Why the job came to no answer of an agent's: the customer has heard that a person answers."""
    assert record.state is JobState.SUCCEEDED, record
    assert record.result["degraded"] == "fallback_answer"
    assert record.degraded is not None
    return record.degraded


# What it was


@both_ways
@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("budget", [None, Budget(tokens=100_000, cost_usd=5)])
def test_what_the_agents_spend_is_what_the_provider_reported(
    agents: Agents, model: OpenAISimulator, budget: Budget | None
) -> None:
    model.usage = (1000, 100)
    model.will(TO_REFUND, LOOK_UP, DONE)
    record = agents.run(budget)
    assert record.state is JobState.SUCCEEDED, record.error
    spent, usage = record.spent, record.usage
    assert spent is not None
    assert usage is not None
    assert (spent.tokens, spent.model_calls, spent.tool_calls, spent.cost_usd) == (3300, 3, 1, 0.33)
    assert (usage.requests, usage.tool_calls, usage.cost_usd) == (3, 1, 0.33)
    assert record.result["usage"]["cost_usd"] == 0.33
    assert record.result["model"] == "dear"


def test_the_offline_model_costs_nothing_and_its_tokens_count(agents: Agents) -> None:
    record = agents.run(Budget(tokens=100_000, cost_usd=0.01))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.spent is not None
    assert record.usage is not None
    assert (record.spent.cost_usd, record.usage.cost_usd) == (0, 0)
    assert 0 < record.spent.tokens == record.usage.input_tokens + record.usage.output_tokens
    assert record.spent.model_calls == record.usage.requests


def test_a_model_without_a_price_is_used_where_money_is_no_limit_and_its_cost_is_unknown(
    agents: Agents, model: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL", "nobody-knows")
    reset()
    model.will(TO_REFUND, DONE)
    record = agents.run(Budget(tokens=100_000))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.spent is not None
    assert record.usage is not None
    assert (record.spent.cost_usd, record.spent.unpriced_calls, record.usage.cost_usd) == (None, 2, None)


def test_a_model_without_a_price_is_not_asked_under_a_budget_in_money(
    agents: Agents, model: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL", "nobody-knows")
    reset()
    error = error_of(agents.run(Budget(cost_usd=5)))
    assert error.code == "cost_unknown"
    assert "nobody-knows" in error.message
    assert "BACKDESK_PRICES" in error.message
    assert model.requests == []


def test_a_provider_that_reports_nothing_leaves_the_estimate(agents: Agents, model: OpenAISimulator) -> None:
    model.usage = None
    model.will(TO_REFUND, DONE)
    record = agents.run(Budget(tokens=100_000))
    assert record.spent is not None
    assert record.spent.tokens > 2 * LEAST_ANSWER_TOKENS
    assert record.usage is not None
    assert record.usage.cost_usd is None


def test_a_request_that_the_provider_refused_costs_nothing(agents: Agents, model: OpenAISimulator) -> None:
    model.will(Fault.error(503, "overloaded"))
    record = agents.run(Budget(tokens=100_000))
    assert record.state is JobState.SCHEDULED
    assert record.spent is not None
    assert (record.spent.tokens, record.spent.model_calls) == (0, 1)


def test_a_later_attempt_that_is_served_an_answer_does_not_pay_for_it_again(
    agents: Agents, model: OpenAISimulator
) -> None:
    model.will(TO_REFUND, LOOK_UP, Fault.error(503, "overloaded"), DONE)
    record = agents.again(agents.run(Budget(tokens=100_000)).id)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.spent is not None
    assert record.usage is not None
    assert (record.spent.tokens, record.spent.tool_calls) == (45, 1)
    assert record.usage.cost_usd == record.spent.cost_usd == 0.0045


# At the limit


@both_ways
@pytest.mark.usefixtures("watched")
def test_a_budget_is_not_exceeded_by_the_request_that_would(agents: Agents, model: OpenAISimulator) -> None:
    model.usage = (4000, 500)
    model.will(TO_REFUND, LOOK_UP, DONE)
    record = agents.run(Budget(tokens=10_000))
    error = error_of(record)
    assert (error.code, error.category) == ("budget_exceeded", "resource_exhaustion")
    assert f"job {record.id} has spent 9,000 of 10,000 tokens" in error.message
    assert len(model.requests) == 2


def test_the_length_of_an_answer_is_limited_to_what_the_budget_has_room_for(
    agents: Agents, model: OpenAISimulator
) -> None:
    model.will(TO_REFUND, DONE)
    agents.run(Budget(tokens=3_000))
    lengths: list[int] = [request.body["max_completion_tokens"] for request in model.requests]
    assert all(LEAST_ANSWER_TOKENS <= length < 3_000 for length in lengths)
    model.will(TO_REFUND, DONE)
    agents.run()
    assert "max_completion_tokens" not in model.requests[-1].body


@pytest.mark.parametrize(("on_limit", "state"), [("fail", JobState.SUCCEEDED), ("approve", JobState.WAITING)])
def test_an_answer_that_was_cut_off_for_want_of_room_is_no_answer(
    agents: Agents, model: OpenAISimulator, on_limit: str, state: JobState
) -> None:
    model.will(TO_REFUND, Text("Your money is on its", cut_off=True))
    record = agents.run(Budget(tokens=3_000, on_limit=OnLimit(on_limit)))
    assert record.state is state
    assert "on its" not in str(record.result)


def test_calls_of_tools_are_limited(agents: Agents, model: OpenAISimulator) -> None:
    model.will(TO_REFUND, LOOK_UP, call("look_up_order", order_number=10008), DONE)
    record = agents.run(Budget(tool_calls=1))
    assert "has spent 1 of 1 tool calls" in error_of(record).message
    assert len(model.requests) == 3


@both_ways
@pytest.mark.usefixtures("watched")
def test_a_person_is_asked_and_the_job_goes_on_where_it_was(agents: Agents, model: OpenAISimulator) -> None:
    model.usage = (4000, 500)
    model.will(TO_REFUND, LOOK_UP, DONE)
    record = agents.run(Budget(tokens=10_000, on_limit=OnLimit.APPROVE))
    assert record.state is JobState.WAITING
    (ask,) = record.asks
    assert (ask.facts["spent"], ask.facts["for"]) == (9000, "a request to dear")
    agents.answer(record, "approve")
    record = agents.again(record.id)
    assert record.state is JobState.SUCCEEDED, record.error
    assert len(model.requests) == 3
    assert record.spent is not None
    assert (record.spent.tokens, record.spent.grants, record.spent.tool_calls) == (13_500, 1, 1)


def test_a_person_who_denies_ends_the_job(agents: Agents, model: OpenAISimulator) -> None:
    model.usage = (4000, 500)
    model.will(TO_REFUND, LOOK_UP)
    record = agents.run(Budget(tokens=10_000, on_limit=OnLimit.APPROVE))
    agents.answer(record, "deny")
    assert "ada has denied as much again" in error_of(agents.again(record.id)).message


@both_ways
@pytest.mark.usefixtures("watched")
def test_a_cheaper_model_goes_on_when_the_budget_is_spent(
    agents: Agents, model: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_CHEAPER_MODEL", "cheap")
    reset()
    model.usage = (4000, 500)
    model.will(TO_REFUND, LOOK_UP, DONE)
    record = agents.run(Budget(cost_usd=1, on_limit=OnLimit.CHEAPER))
    assert record.state is JobState.SUCCEEDED, record.error
    assert [request.body["model"] for request in model.requests] == ["dear", "dear", "cheap"]
    assert record.spent is not None
    assert (record.spent.cost_usd, record.spent.cheaper) == (0.9045, True)
    assert record.result["model"] == "cheap"


def test_a_cheaper_model_has_as_much_again_and_no_more(
    agents: Agents, model: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_CHEAPER_MODEL", "cheap")
    reset()
    model.usage = (4000, 500)
    model.will(TO_REFUND, *[LOOK_UP] * 9)
    record = agents.run(Budget(tokens=10_000, on_limit=OnLimit.CHEAPER))
    assert "as much again (10,000) has gone to cheaper means" in error_of(record).message
    assert [request.body["model"] for request in model.requests] == ["dear"] * 2 + ["cheap"] * 2


def test_without_a_cheaper_model_the_job_fails_and_says_so(agents: Agents, model: OpenAISimulator) -> None:
    model.usage = (4000, 500)
    model.will(TO_REFUND, LOOK_UP)
    record = agents.run(Budget(tokens=10_000, on_limit=OnLimit.CHEAPER))
    assert "there are no cheaper means to go on by" in error_of(record).message


def test_the_offline_model_goes_on_by_an_offline_one(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CHEAPER_MODEL", "rules")
    reset()
    record = agents.run(Budget(model_calls=2, on_limit=OnLimit.CHEAPER))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result["model"] == "offline/rules"
    assert record.spent is not None
    assert record.spent.cheaper


def test_a_tenant_that_has_spent_its_day_is_stopped_before_its_model_is_asked(
    agents: Agents, model: OpenAISimulator, board: Board
) -> None:
    board.client.hset(board.keys.tenant("acme"), mapping={"cost_per_day_usd": "0.5"})
    model.usage = (4000, 500)
    model.will(TO_REFUND, DONE)
    first = agents.run()
    error = error_of(first)
    assert error.code == "tenant_budget_exceeded"
    assert len(model.requests) == 1
    error = error_of(agents.run(message="And order 10008?"))
    assert "of 0.5 USD" in error.message
    assert len(model.requests) == 1
