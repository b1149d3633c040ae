"""What kinds load before their first job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backdesk.worker.attempt.preparation import prepare
from backdesk.worker.attempt.registry import REGISTRY, TaskSpec
from tests.support.eventually import eventually
from tests.support.workers import Fleet


@pytest.fixture
def kind() -> TaskSpec:
    return REGISTRY["test.echo"]


def test_a_preparation_is_made_once_however_many_kinds_name_it(kind: TaskSpec) -> None:
    made: list[str] = []

    def load() -> None:
        made.append("loaded")

    prepare([replace(kind, kind=name, prepare=load) for name in ("a", "b")], ["agents"])
    assert made == ["loaded"]


def test_only_coroutines_of_the_queues_that_a_worker_takes_are_prepared(kind: TaskSpec) -> None:
    made: list[str] = []
    kinds = [
        replace(kind, kind="mine", prepare=lambda: made.append("mine")),
        replace(kind, kind="elsewhere", queue="other", prepare=lambda: made.append("elsewhere")),
        replace(kind, kind="blocking", is_async=False, prepare=lambda: made.append("blocking")),
    ]
    prepare(kinds, ["agents"])
    assert made == ["mine"]


def test_one_that_fails_is_logged_and_holds_up_nothing(kind: TaskSpec, caplog: pytest.LogCaptureFixture) -> None:
    made: list[str] = []

    def fail() -> None:
        raise OSError("no such model file")

    prepare([replace(kind, kind="a", prepare=fail), replace(kind, prepare=lambda: made.append("b"))], ["agents"])
    assert made == ["b"]
    (record,) = [each for each in caplog.records if each.message == "preparation_failed"]
    assert record.exc_info is not None
    assert "no such model file" in str(record.exc_info[1])


def test_a_worker_prepares_before_it_takes_jobs(fleet_of_this_test: Fleet) -> None:
    worker = fleet_of_this_test.start_worker("agents", slots=1, BACKDESK_TASK_MODULES="tests.support.prepared")
    eventually(lambda: worker.logged("worker_ready"))
    said = [line["event"] for line in worker.lines if line["event"] in {"prepared", "worker_ready"}]
    assert said == ["prepared", "worker_ready"]
    assert worker.logged("prepared", kind="test.prepared")
