"""Budgets on real workers, which are killed while they spend."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.shop.samples import owner_of
from backdesk.worker.model.budget import Budget, OnLimit
from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import eventually
from tests.support.openai_simulator import OpenAISimulator, Received, Reply, Text, call
from tests.support.workers import Fleet, Worker

TASKS = "backdesk.kinds.support.kind"
#: What one request takes, by the provider's word: less than is set aside for it.
INTO, OUT = 700, 60
#: More than is set aside for any one of their calls at least, so that a day with as much room refuses none.
LARGEST_CALL = 2_500
ORDERS = (10003, 10008, 10011, 10018, 10028, 10038)


def support(received: Received) -> Reply:
    """Play triage and a specialist that looks an order up, at the pace of a fast model."""
    time.sleep(0.05)
    number = int(re.findall(r"\d{5}", received.texts("user")[-1])[0])
    if "look_up_order" not in received.tools:
        return call("hand_over", to="refund", reason="?")
    if "look_up_order" not in received.called:
        return call("look_up_order", order_number=number)
    return Text("It is on its way.")


@pytest.fixture
def model() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as simulator:
        simulator.rule = support
        simulator.usage = (INTO, OUT)
        yield simulator


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded) as fleet:
        yield fleet


def begin(fleet: Fleet, base_url: str = "") -> Worker:
    return fleet.begin_worker("agents", slots=4, BACKDESK_TASK_MODULES=TASKS, OPENAI_BASE_URL=base_url)


def test_a_fleet_spends_no_more_of_a_day_than_its_tenant_may_also_when_a_worker_is_killed(
    fleet: Fleet, model: OpenAISimulator
) -> None:
    allowed = 40_000  # about two thirds of what all the jobs would take
    fleet.redis.hset(fleet.board.keys.tenant("acme"), mapping={"tokens_per_day": str(allowed)})
    workers = [begin(fleet, model.url) for _ in range(2)]
    for worker in workers:
        fleet.wait_for(worker)
    requests = [{"message": f"Where is order {number}?", "customer_id": owner_of(number)} for number in ORDERS * 4]
    jobs = fleet.jobs.submit_many("support.request", requests, tenant="acme")
    eventually(lambda: len(model.requests) >= 5, what="the first requests")
    workers[0].kill()
    for job in jobs:
        eventually(lambda job=job: fleet.board.record(job.id).done, what=f"the end of {job.id}")  # type: ignore[misc]
    (today,) = fleet.jobs.tenants.spending("acme")
    used = len(model.requests) * (INTO + OUT)
    assert used <= today.tokens <= allowed
    assert allowed - today.tokens < LARGEST_CALL, "jobs were refused what there was room for"
    codes = {record.degraded.code for job in jobs if (record := fleet.board.record(job.id)).degraded}
    assert codes == {"tenant_budget_exceeded"}


def test_a_job_whose_budget_a_person_extends_goes_on_on_another_worker(fleet: Fleet) -> None:
    first, second = begin(fleet), begin(fleet)
    fleet.wait_for(first)
    budget = Budget(model_calls=2, on_limit=OnLimit.APPROVE)
    job = fleet.jobs.submit(
        "support.request", {"message": "I return order 10003", "customer_id": "cust-3"}, budget=budget
    )
    eventually(lambda: job.get().state is JobState.WAITING, what="the question")
    (ask,) = job.get().asks
    assert ask.prompt.endswith("May it spend as much again?")
    assert ask.facts["for"] == "a request to offline"
    first.kill()
    fleet.wait_for(second)
    fleet.jobs.approve(job.id, by="ada")
    eventually(lambda: job.get().done, what="the end of the job")
    record = job.get()
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.spent is not None
    assert (record.spent.model_calls, record.spent.grants) == (4, 1)
    assert [event.type for event in fleet.board.events(job.id)].count("waiting") == 1
