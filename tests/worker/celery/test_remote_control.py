"""What Celery's remote control, as the command line and Flower send it, does to a worker and its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import PATIENCE_S, eventually
from tests.support.plain import plain_celery
from tests.support.workers import Fleet, Worker


@pytest.fixture
def worker(fleet_of_this_test: Fleet) -> Worker:
    return fleet_of_this_test.start_worker()


@pytest.fixture
def control(fleet_of_this_test: Fleet) -> Iterator[Any]:
    settings = fleet_of_this_test.settings
    with plain_celery(settings.url, control_exchange=f"{settings.prefix}.control") as shop:
        yield shop.control


def reply(control: Any, worker: Worker, command: str, **arguments: Any) -> Any:
    (answer,) = control.broadcast(command, arguments=arguments, reply=True, timeout=PATIENCE_S, limit=1)
    return answer[worker.name]


def queues(control: Any, worker: Worker) -> Any:
    """The queues that it reads, by its own word."""
    return control.inspect([worker.name], timeout=PATIENCE_S, limit=1).active_queues()[worker.name]


@pytest.mark.parametrize(
    ("command", "arguments", "advice"),
    [
        ("rate_limit", {"rate_limit": "10/m"}, "backdesk limits set kind:test.echo --rate 10/m"),
        ("time_limit", {"soft": 1, "hard": 2}, "give @task of test.echo, or the submit of a job, a timeout"),
    ],
)
def test_limits_that_would_hold_nothing_are_refused_with_what_does(
    control: Any, worker: Worker, command: str, arguments: dict[str, Any], advice: str
) -> None:
    assert advice in reply(control, worker, command, task_name="test.echo", **arguments)["error"]


def test_a_queue_that_is_read_no_more_is_read_again_by_either_of_its_names(
    fleet_of_this_test: Fleet, control: Any, worker: Worker
) -> None:
    fleet = fleet_of_this_test
    for name in ("agents", fleet.list_of("agents")):
        reply(control, worker, "cancel_consumer", queue=name)
        eventually(lambda: not queues(control, worker), what="the end of its reading")
        assert "ok" in reply(control, worker, "add_consumer", queue=name)
        assert fleet.jobs.submit("test.echo", {"text": name}).result(timeout=PATIENCE_S)["text"] == name


def test_the_list_of_another_application_is_not_read(fleet_of_this_test: Fleet, control: Any, worker: Worker) -> None:
    fleet = fleet_of_this_test
    fleet.redis.lpush("celery", "theirs")
    answer = reply(control, worker, "add_consumer", queue="celery")
    assert answer == {"error": "'celery' is no queue of this deployment; BACKDESK_QUEUES names agents, tools"}
    (read,) = queues(control, worker)
    assert (read["name"], fleet.redis.llen("celery")) == (fleet.list_of("agents"), 1)


def test_a_shutdown_hands_the_jobs_over_when_the_grace_has_passed(tmp_path: Path) -> None:
    with (
        Fleet(tmp_path, drain_grace_s=0.5) as fleet,
        plain_celery(fleet.url, control_exchange=f"{fleet.settings.prefix}.control") as shop,
    ):
        worker = fleet.start_worker()
        job = fleet.jobs.submit("test.wait_for_file", {"flag": str(tmp_path / "never")})
        fleet.wait_until_running(job.id)
        assert "ok" in reply(shop.control, worker, "shutdown")
        assert worker.wait() == 0
        assert [attempt.outcome for attempt in job.get().attempts] == ["handed_over"]
