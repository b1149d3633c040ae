"""A provider that is busy, away or slow, and real workers whose jobs come through all the same."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.shop.samples import owner_of
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState
from tests.support.deployment import shop_fleet
from tests.support.eventually import eventually
from tests.support.openai_simulator import Fault, OpenAISimulator, Received, Reply, Silence, Text, call
from tests.support.workers import Fleet, Worker

ORDERS = (10003, 10008, 10011, 10018, 10028, 10038)


class Provider:
    """Plays triage and the refund agent; fails or asks for a pause as it is told, and notes when it was asked."""

    def __init__(self, simulator: OpenAISimulator) -> None:
        simulator.rule = self.answer
        self.url = simulator.url
        self.resource = f"{simulator.url.removeprefix('http://').removesuffix('/v1')}/gpt-4o-mini"
        self.fails = False
        self.asks_for_a_pause = False
        self.silent_to: set[int] = set()
        self.asked_at: list[float] = []
        self._under_way = 0
        self.most_while_failing = 0
        self._lock = threading.Lock()

    def answer(self, received: Received) -> Reply:
        number = int(re.findall(r"\d{5}", received.texts("user")[-1])[0])
        with self._lock:
            self.asked_at.append(time.monotonic())
            self._under_way += 1
            if self.fails:
                self.most_while_failing = max(self.most_while_failing, self._under_way)
        time.sleep(0.05)
        with self._lock:
            self._under_way -= 1
        if self.fails:
            return Fault(503)
        if number in self.silent_to:
            return Silence()
        if self.asks_for_a_pause:
            self.asks_for_a_pause = False
            return Fault.error(429, "rate_limit_exceeded", Retry_After="2")
        return _helpful(received, number)


def _helpful(received: Received, number: int) -> Reply:
    if "refund_order" not in received.tools:
        return call("hand_over", to="refund", reason="?")
    for tool, more in (("look_up_order", {}), ("refund_order", {"reason": "?"})):
        if tool not in received.called:
            return call(tool, order_number=number, **more)
    return Text("Done.")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with OpenAISimulator().running() as simulator:
        yield Provider(simulator)


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded, breaker_probe_s=0.4) as fleet:
        yield fleet


TASKS = "tests.kinds.support.waiving_worker"


def begin(fleet: Fleet, provider: Provider, count: int = 2) -> list[Worker]:
    workers = [
        fleet.begin_worker(slots=8, BACKDESK_TASK_MODULES=TASKS, OPENAI_BASE_URL=provider.url) for _ in range(count)
    ]
    for worker in workers:
        fleet.wait_for(worker)
    return workers


def ask(fleet: Fleet, number: int) -> str:
    return fleet.jobs.submit(
        "support.request",
        {"message": f"I return order {number}", "customer_id": owner_of(number)},
        job_id=f"return-{number}",
    ).id


def wait_for_all(fleet: Fleet, jobs: list[str]) -> None:
    for job in jobs:
        eventually(lambda job=job: fleet.board.record(job).done, what=f"the end of {job}")  # type: ignore[misc]
    assert {fleet.board.state(job) for job in jobs} == {JobState.SUCCEEDED}


def test_a_pause_that_one_request_is_asked_for_is_kept_by_all_workers(fleet: Fleet, provider: Provider) -> None:
    begin(fleet, provider)
    provider.asks_for_a_pause = True
    jobs = [ask(fleet, ORDERS[0])]
    eventually(fleet.jobs.limits.services.list, what="the pause")
    jobs += [ask(fleet, number) for number in ORDERS[1:]]
    wait_for_all(fleet, jobs)
    gaps = [later - earlier for earlier, later in itertools.pairwise(sorted(provider.asked_at))]
    assert gaps[0] >= 1.9, "somebody asked within the pause"
    assert [fleet.board.record(job).failures for job in jobs] == [1, 0, 0, 0, 0, 0]


def test_a_provider_that_is_away_fails_no_job_and_is_probed_by_one_at_a_time(fleet: Fleet, provider: Provider) -> None:
    begin(fleet, provider)
    fleet.jobs.redis.hset(fleet.board.keys.breaker(provider.resource), mapping={"state": "open", "probe_at": 0})
    provider.fails = True
    jobs = [ask(fleet, number) for number in ORDERS]
    eventually(lambda: len(provider.asked_at) >= 4, what="a few probes")
    (status,) = fleet.jobs.breakers.list()
    assert status.state != BreakerState.CLOSED
    assert provider.most_while_failing == 1
    assert min(b - a for a, b in itertools.pairwise(provider.asked_at)) > 0.35
    provider.fails = False
    back_at = time.monotonic()
    wait_for_all(fleet, jobs)
    assert len([at for at in provider.asked_at if at < back_at + 20]) >= 10, "it took long to come back to full rate"
    assert {fleet.board.record(job).failures for job in jobs} == {0}
    eventually(lambda: fleet.jobs.breakers.list()[0].state == BreakerState.CLOSED, what="the closed breaker")
    seen = {event.data["limit"]["why"] for job in jobs for event in fleet.board.events(job) if event.type == "limited"}
    assert seen == {"breaker"}


def test_a_killed_worker_keeps_no_seat(fleet: Fleet, provider: Provider) -> None:
    fleet.jobs.limits.services.set(provider.resource, concurrent=1)
    provider.silent_to = {ORDERS[0]}
    (first,) = begin(fleet, provider, 1)
    stuck = ask(fleet, ORDERS[0])
    eventually(lambda: provider.asked_at, what="the request that is never answered")
    first.kill()
    provider.silent_to = set()
    begin(fleet, provider, 1)
    wait_for_all(fleet, [stuck, ask(fleet, ORDERS[1])])
    eventually(lambda: fleet.jobs.limits.services.list()[0].buckets[0].calls == 0, what="the last seat to be left")
