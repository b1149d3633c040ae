"""A case that nobody answers is raised when its time is over, without anybody's doing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench, BenchJob
from backdesk.worker.model.job import JobState

for kind in ("desk", "notify", "support"):  # registers them, of which one is ours
    import_module(f"backdesk.kinds.{kind}.kind")
PLEA = {"message": "I want to talk to a human being, please", "customer_id": "cust-8"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with sample_shop(), Bench() as bench:
        monkeypatch.setattr(Database, "now", lambda _self: bench.now)
        yield bench


def started(bench: Bench, kind: str) -> list[BenchJob]:
    """The jobs of a kind, the oldest first, whoever has submitted them."""
    with JobClient(settings=bench.settings, checks={}) as client:
        return [bench.job(record.id) for record in reversed(client.list(kind=kind).items)]


def desk(bench: Bench, act: str, **fields: Any) -> Any:
    return bench.run("service.desk", {"act": act, **fields}).result.cases


def told(bench: Bench, event: str) -> list[str]:
    for job in started(bench, "notify.send"):
        bench.go_on(job)
    path = deployment().settings.data_dir / "notifications.jsonl"
    letters = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [letter["data"]["case"] for letter in letters if letter["event"] == event]


def test_a_case_that_nobody_answers_is_raised_and_told_once_with_no_schedule(bench: Bench) -> None:
    bench.run("support.request", PLEA)
    (watch,) = started(bench, "service.desk")
    (case,) = desk(bench, "list")
    assert (watch.state, watch.record.run_at and watch.record.run_at > case.due_at) == (JobState.SCHEDULED, True)
    bench.go_on(watch)
    (raised,) = desk(bench, "list")
    assert (raised.priority, raised.overdue, told(bench, "case.overdue")) == ("urgent", True, [case.case])


def test_a_case_that_was_closed_in_time_is_not_raised(bench: Bench) -> None:
    bench.run("support.request", PLEA)
    (watch,) = started(bench, "service.desk")
    (case,) = desk(bench, "list")
    bench.run("service.desk", {"act": "close", "case": case.case, "by": "ada", "conversation_id": case.conversation_id})
    bench.go_on(watch)
    assert (desk(bench, "list", state="closed")[0].overdue, told(bench, "case.overdue")) == (False, [])


def test_a_case_is_looked_after_once_however_often_its_agents_begin_anew(bench: Bench) -> None:
    job = bench.submit("support.request", PLEA)
    assert bench.lose(job, after=2)
    bench.go_on(job)
    assert (len(started(bench, "service.desk")), len(desk(bench, "list"))) == (1, 1)


def test_a_tenant_that_may_not_have_such_jobs_has_its_case_all_the_same(bench: Bench) -> None:
    with JobClient(settings=bench.settings, checks={}) as client:
        client.tenants.set("default", kinds=["support.request"])
        answer = bench.run("support.request", PLEA).result
        client.tenants.set("default", kinds="none")
    (case,) = desk(bench, "list")
    assert [action.escalation_id for action in answer.actions] == [case.case]
    assert started(bench, "notify.send") == []
