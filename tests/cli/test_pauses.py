"""`backdesk pause` and `backdesk resume`, and where it is seen that something is paused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.worker.model.job import JobState
from tests.cli.conftest import Cli
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet


@pytest.fixture(autouse=True)
def clean(fleet: Fleet) -> Iterator[None]:
    """The fleet is shared: nothing stays paused."""
    yield
    for pause in fleet.jobs.pauses.list():
        sort, name = pause.scope.split()
        fleet.jobs.pauses.end(**{sort: name})


def test_a_paused_job_waits_says_why_and_runs_after_resume(on_fleet: Cli, fleet: Fleet) -> None:
    paused = on_fleet("pause", "kind:test.echo", "--note", "the ledger is moved", "--by", "ada")
    job = fleet.jobs.submit("test.echo", {})

    assert paused.code == 0
    assert "kind:test.echo is paused" in paused.out
    assert "by ada: the ledger is moved" in paused.out
    eventually(lambda: job.get().limited, what="the limit")
    assert "backdesk resume kind:test.echo" in on_fleet("show", job.id).out
    assert "by ada: the ledger is moved" in on_fleet("top", "--once").out
    doctor = {each["check"]: each for each in on_fleet("doctor", "--json").document["findings"]}["paused"]
    assert (doctor["level"], doctor["fix"]) == ("warn", "to go on: backdesk resume kind:test.echo")

    assert on_fleet("resume", "kind:test.echo").out == "kind:test.echo goes on\n"
    job.result(PATIENCE_S)
    assert job.get().state is JobState.SUCCEEDED


@pytest.mark.parametrize("scope", ["kind:orders.audit", "queue:nights", "tenant:acme", "service:openai/gpt-4o"])
def test_each_scope_can_be_paused_and_resumed(on_fleet: Cli, scope: str) -> None:
    assert on_fleet("pause", scope, "--json").document["scope"] == scope.replace(":", " ", 1)
    assert f"{scope} is paused" in on_fleet("top", "--once").out
    assert on_fleet("resume", scope, "--json").document == {"resumed": True}
    assert on_fleet("resume", scope).out == f"{scope} was not paused\n"


def test_what_is_paused_is_listed(on_fleet: Cli) -> None:
    assert on_fleet("pause").out == "nothing is paused\n"
    on_fleet("pause", "tenant:acme", "--by", "ada", "--note", "does not pay")
    assert on_fleet("pause").out.endswith(" by ada: does not pay\n")
    assert [each["scope"] for each in on_fleet("pause", "--json").document] == ["tenant acme"]
    assert on_fleet("pause", "--note", "why").code == 2


def test_a_kind_that_nobody_has_is_paused_with_a_warning(on_fleet: Cli) -> None:
    paused = on_fleet("pause", "kind:test.ehco")
    assert (paused.code, "test.echo" in paused.err) == (0, True)
    assert on_fleet("pause", "kind:test.echo").err == ""


def test_a_paused_queue_holds_what_is_queued_there(on_fleet: Cli) -> None:
    on_fleet("pause", "queue:nights")
    assert "holds all that is queued there" in on_fleet("limits", "list").out


@pytest.mark.parametrize("scope", ["nonsense", "tenant:*", "model:openai/gpt-4o#k1", "tenant:acme/model:openai/gpt-4o"])
def test_what_cannot_be_paused_is_bad_usage(on_fleet: Cli, scope: str) -> None:
    assert on_fleet("pause", scope).code == 2


def test_a_single_job_is_paused_and_goes_on(on_fleet: Cli, fleet: Fleet) -> None:
    on_fleet("pause", "kind:test.echo")
    job = fleet.jobs.submit("test.echo", {})
    paused = on_fleet("pause", f"job:{job.id}", "--by", "ada", "--note", "not now")
    assert paused.out == f"job:{job.id} pauses before it goes on; to go on: backdesk resume job:{job.id}\n"
    on_fleet("resume", "kind:test.echo")
    eventually(lambda: job.get().state is JobState.WAITING, what="the pause")
    assert "Paused by ada: not now." in on_fleet("show", job.id).out
    assert on_fleet("pause", f"job:{job.id}", "--json").document == {"job_id": job.id, "state": "waiting"}
    assert on_fleet("resume", f"job:{job.id}", "--json").document == {"resumed": True}
    job.result(PATIENCE_S)
    assert on_fleet("resume", f"job:{job.id}").code == 2
    assert on_fleet("pause", "job:unknown").code != 0
