"""Celery's revoke, as Flower and other services send it, cancels a job, whatever the job is at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery.app.task import Context
from celery.worker.state import revoked
from redis.exceptions import RedisError

from backdesk.worker.celery.revocation import Revocation
from backdesk.worker.store.connection import connect
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.plain import plain_celery
from tests.support.workers import Fleet, fast_settings

#: Celery's result backend calls it; no code of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

LONG_S = 2 * PATIENCE_S


@pytest.fixture
def shop(fleet: Fleet) -> Iterator[Any]:
    with _shop(fleet) as app:
        yield app


def _shop(fleet: Fleet) -> Any:
    settings = fleet.settings
    return plain_celery(settings.url, control_exchange=f"{settings.prefix}.control", task_default_queue=settings.inbox)


def assert_cancelled(fleet: Fleet, job_id: str) -> None:
    eventually(lambda: fleet.board.state(job_id) == "cancelled", what="its end")
    record = fleet.jobs.get(job_id)
    assert record.crashes == 0
    assert record.error is not None
    assert record.error.message == "revoked through Celery"


@pytest.mark.parametrize("kind", ["test.sleep", "test.sleep_tool"])
@pytest.mark.parametrize("how", [{}, {"terminate": True}, {"terminate": True, "signal": "SIGKILL"}])
def test_a_running_job_is_cancelled(fleet: Fleet, shop: Any, kind: str, how: dict[str, Any]) -> None:
    job = fleet.jobs.submit(kind, {"n": LONG_S})
    fleet.wait_until_running(job.id)
    shop.control.revoke(job.id, **how)
    assert_cancelled(fleet, job.id)


def test_jobs_that_no_worker_has_met_are_cancelled(fleet: Fleet, shop: Any) -> None:
    jobs = [fleet.jobs.submit("test.echo", {}, delay=LONG_S).id for _ in range(2)]
    shop.control.terminate(jobs)
    for job_id in jobs:
        assert_cancelled(fleet, job_id)


def test_a_task_that_is_revoked_before_it_is_a_job_is_cancelled_when_it_is_one(fleet: Fleet, shop: Any) -> None:
    job_id = str(uuid4())
    replies = shop.control.revoke(job_id, reply=True, timeout=PATIENCE_S, limit=len(fleet.workers))
    assert [*replies[0].values()] == [{"ok": f"revoked: {job_id}"}]
    sent = shop.send_task("test.echo", kwargs={"request": {}}, task_id=job_id)
    with pytest.raises(Exception, match="revoked"):
        sent.get(timeout=PATIENCE_S)
    assert_cancelled(fleet, job_id)


@pytest.mark.parametrize("kind", ["test.sleep", "test.sleep_tool"])
def test_a_sender_with_plain_celery_may_revoke_its_tasks_by_a_stamp_and_hears_of_it(
    fleet: Fleet, shop: Any, kind: str
) -> None:
    task = shop.signature(kind, kwargs={"request": {"n": LONG_S}})
    task.stamp(order=kind)
    sent = task.apply_async()
    eventually(lambda: fleet.board.find(sent.id), what="the intake")
    fleet.wait_until_running(sent.id)
    shop.control.revoke_by_stamped_headers({"order": [kind]}, terminate=True)
    assert_cancelled(fleet, sent.id)
    with pytest.raises(Exception, match="revoked"):
        sent.get(timeout=PATIENCE_S)


def test_a_body_that_goes_on_all_the_same_ends_with_its_child_and_the_next_job_has_another(tmp_path: Path) -> None:
    with Fleet(tmp_path, stop_grace_s=0.5) as fleet, _shop(fleet) as shop:
        fleet.start_worker("tools", slots=1)
        job = fleet.jobs.submit("test.stubborn_tool", {"n": LONG_S})
        fleet.wait_until_running(job.id)
        shop.control.revoke(job.id, terminate=True)
        assert fleet.jobs.submit("test.tool", {}).result(timeout=PATIENCE_S) == {"text": "hello"}
        assert job.get().state == "cancelled"


@pytest.fixture
def cut_off() -> Iterator[Revocation]:
    """Its Redis is not there."""
    settings = fast_settings("redis://127.0.0.1:1/0")
    with connect(settings.url) as client:
        yield Revocation(client, settings)
    revoked.clear()


def test_what_cannot_be_cancelled_now_is_discarded_later_and_the_sender_is_told(cut_off: Revocation) -> None:
    with pytest.raises(RedisError):
        cut_off.revoke(None, ["a", "b", 7])
    assert sorted(revoked) == ["a", "b"]


def test_a_discarded_delivery_whose_job_cannot_be_cancelled_now_stops_no_worker(
    cut_off: Revocation, caplog: pytest.LogCaptureFixture
) -> None:
    cut_off.cancel_revoked(Context(id="a"))
    assert "revoked_not_cancelled" in caplog.text
