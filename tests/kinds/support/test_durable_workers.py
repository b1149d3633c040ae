"""Agents on real workers that are killed, sent away and kept waiting."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic_core import to_json
from sqlalchemy import select

from backdesk.platform.database import Database
from backdesk.shop.samples import owner_of
from backdesk.shop.tables import LedgerEntry, Refund
from backdesk.worker.model.asks import Answer
from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import eventually
from tests.support.openai_simulator import Fault, OpenAISimulator, Received, Reply, Text, call
from tests.support.workers import Fleet, Worker

#: Orders of the sample that are refunded without a person.
SMALL = (10003, 10008, 10011, 10018, 10028, 10038)
LARGE = 10001
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
TASKS = "tests.kinds.support.waiving_worker"


def support(received: Received) -> Reply:
    """Play triage and the refund agent, one tool a request, at the pace of a fast model."""
    time.sleep(0.05)
    number = int(re.findall(r"\d{5}", received.texts("user")[-1])[0])
    if "refund_order" not in received.tools:
        return call("hand_over", to="refund", reason="?")
    for tool, more in (("look_up_order", {}), ("refund_order", {"reason": "?"})):
        if tool not in received.called:
            return call(tool, order_number=number, **more)
    return Text(f"Done: {received.texts('tool')[-1]}")


@pytest.fixture
def model() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as simulator:
        simulator.rule = support
        yield simulator


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded) as fleet:
        yield fleet


@pytest.fixture
def shop(fleet: Fleet) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{fleet.settings.data_dir / 'shop.sqlite3'}", samples=True)) as database:
        yield database


def begin(fleet: Fleet, model: OpenAISimulator) -> Worker:
    return fleet.begin_worker(slots=8, BACKDESK_TASK_MODULES=TASKS, OPENAI_BASE_URL=model.url)


def refunds(shop: Database) -> Counter[int]:
    """How often each order was refunded by a job, by the books."""
    with shop.of_all_tenants().read() as session:
        ours = select(Refund.order_number).where(Refund.key != "")
        booked = select(LedgerEntry.order_number).where(LedgerEntry.kind == "refund")
        return Counter(session.scalars(booked.where(LedgerEntry.order_number.in_(ours))))


def ask_for_refund(fleet: Fleet, number: int, *files: bytes) -> str:
    attachments = [fleet.jobs.attachments.add(file) for file in files]
    return fleet.jobs.submit(
        "support.request",
        {"message": f"I return order {number}", "customer_id": owner_of(number), "attachments": attachments},
        job_id=f"return-{number}",
    ).id


def ended(fleet: Fleet, job_id: str) -> bool:
    return fleet.board.record(job_id).done


def steps(fleet: Fleet, job_id: str) -> list[str]:
    return [event.data["key"] for event in fleet.board.events(job_id) if event.type == "step"]


def test_workers_that_are_killed_or_sent_away_cost_no_more_than_the_request_in_flight(
    fleet: Fleet, model: OpenAISimulator, shop: Database
) -> None:
    workers = [begin(fleet, model) for _ in range(2)]
    for worker in workers:
        fleet.wait_for(worker)
    jobs = [ask_for_refund(fleet, number, PNG + str(number).encode()) for number in SMALL]
    eventually(lambda: len(model.requests) >= 8, what="the first jobs at work")
    workers[0].kill()
    fleet.wait_for(begin(fleet, model))
    workers[1].stop()
    for job in jobs:
        eventually(lambda job=job: ended(fleet, job), what=f"the end of {job}")  # type: ignore[misc]
    records = [fleet.board.record(job) for job in jobs]
    assert {record.state for record in records} == {JobState.SUCCEEDED}, [record.error for record in records]
    assert refunds(shop) == dict.fromkeys(SMALL, 1)
    assert all(record.result["actions"][0]["type"] == "refund" for record in records)
    for job, record in zip(jobs, records, strict=True):
        assert len(steps(fleet, job)) == len(set(steps(fleet, job))) == 3, "the file, and two tools"
        assert record.usage is not None
        assert (record.usage.requests, record.usage.tool_calls) == (4, 2)
        # A hand-over gives up the request in flight only when it is waited for too long; a kill always does.
        assert Counter(asked(model, record.request["message"])).most_common(1)[0][1] <= 2
        assert len(asked(model, record.request["message"])) <= 4 + record.attempt - 1
        number = record.request["message"].rpartition(" ")[2]
        assert {*photos(model, number)} == {b64encode(PNG + number.encode()).decode()}


def asked(model: OpenAISimulator, message: str) -> list[str]:
    """The requests of one job, each by what had been said when it was made."""
    return [json.dumps(each.called) for each in model.requests if message in each.texts("user")[-1]]


def photos(model: OpenAISimulator, number: str) -> Iterator[str]:
    """The photo that came with each request of the job about an order."""
    for text in (each.texts("user")[-1] for each in model.requests):
        if f"order {number}" in text:
            yield text.partition("data:image/png;base64,")[2].partition('"')[0]


def test_a_provider_that_is_busy_has_the_job_parked_and_asked_again_when_it_said(
    fleet: Fleet, model: OpenAISimulator, shop: Database
) -> None:
    busy_at: list[float] = []
    back_at: list[float] = []

    def busy_after_the_refund(received: Received) -> Reply:
        if "refund_order" in received.called and not busy_at:
            busy_at.append(time.monotonic())
            return Fault.error(429, "rate_limit_exceeded", Retry_After="1")
        if busy_at:
            back_at.append(time.monotonic())
        return support(received)

    model.rule = busy_after_the_refund
    fleet.wait_for(begin(fleet, model))
    job = ask_for_refund(fleet, 10003)
    eventually(lambda: ended(fleet, job), what="the end of the job")
    record = fleet.board.record(job)
    assert (record.state, record.failures) == (JobState.SUCCEEDED, 1)
    assert back_at[0] - busy_at[0] >= 1
    assert len(model.requests) == 5
    assert len(steps(fleet, job)) == len(set(steps(fleet, job))) == 2


def test_a_large_refund_is_made_when_a_person_approves_also_by_another_worker(
    fleet: Fleet, model: OpenAISimulator, shop: Database
) -> None:
    first, second = begin(fleet, model), begin(fleet, model)
    fleet.wait_for(first)
    job = ask_for_refund(fleet, LARGE)
    eventually(lambda: fleet.board.state(job) == JobState.WAITING, what="the question")
    (question,) = fleet.board.record(job).asks
    assert question.facts["amount_cents"] == 25_800
    assert refunds(shop) == {}
    first.kill()
    fleet.wait_for(second)
    answer = to_json({"state": "done", "value": Answer(decision="approve", by="ada")})
    told = to_json({"name": question.name, "decision": "approve", "by": "ada"})
    assert fleet.board.run(fleet.board.transitions.answer(job, question.name, answer, told))[0]
    eventually(lambda: ended(fleet, job), what="the end of the job")
    assert refunds(shop) == {LARGE: 1}
    assert "R-10001" in fleet.board.record(job).result["answer"]
    assert len(model.requests) == 4
