"""Another Celery application on the same database: none of its messages is lost, doubled or moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.model.job import JobState
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.neighbour import RAN, neighbour
from tests.support.plain import plain_celery
from tests.support.workers import Fleet

#: Celery's result backend calls it; no code of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
COUNT = 30


@pytest.mark.parametrize("shared", [(), ("celery",)], ids=["we leave its list alone", "we look into its list"])
def test_its_tasks_are_run_by_its_own_worker_once_and_in_their_order(tmp_path: Path, shared: tuple[str, ...]) -> None:
    with Fleet(tmp_path, shared_inboxes=shared) as fleet, plain_celery(fleet.url) as shop:
        fleet.start_worker("agents")
        for number in range(COUNT // 2):
            shop.send_task("shop.mail", [number])
        _see_that_the_intake_has_been_there(fleet, shop, shared)
        with neighbour(fleet.url, tmp_path):
            for number in range(COUNT // 2, COUNT):
                shop.send_task("shop.mail", [number])
            ran: Any = eventually(lambda: _ran(fleet, COUNT), what="all its tasks")
        assert list(map(int, ran)) == list(range(COUNT))
        assert fleet.jobs.counts()[JobState.FAILED] == 0


def _see_that_the_intake_has_been_there(fleet: Fleet, shop: Any, shared: tuple[str, ...]) -> None:
    queue = shared[0] if shared else fleet.settings.inbox
    sent = shop.send_task("test.echo", kwargs={"request": {"text": "ours"}}, queue=queue)
    assert sent.get(timeout=PATIENCE_S) == {"text": "ours"}


def _ran(fleet: Fleet, count: int) -> Any:
    ran: Any = fleet.redis.lrange(RAN, 0, -1)
    return ran if len(ran) >= count else None
