"""Deliveries by real workers: killed in the middle, with a Redis that restarts, to receivers that are down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backdesk.client import JobClient
from tests.support.eventually import eventually
from tests.support.http_site import Site, Told
from tests.support.webhooks import KEY, verified
from tests.support.workers import KINDS, Fleet

ENV: dict[str, Any] = {
    "BACKDESK_TASK_MODULES": f"{KINDS},backdesk.kinds.webhook.kind",
    "BACKDESK_WEBHOOK_KEY": KEY,
    "BACKDESK_WEBHOOK_PRIVATE": "1",
}


@contextmanager
def client_of(fleet: Fleet) -> Iterator[JobClient]:
    """A client whose settings have the key."""
    given = {"webhook_key": SecretStr(KEY), "webhook_private": True}
    with JobClient(settings=fleet.settings.model_copy(update=given)) as client:
        yield client


@pytest.fixture
def hooked(fleet_of_this_test: Fleet) -> Iterator[JobClient]:
    with client_of(fleet_of_this_test) as client:
        yield client


def test_a_worker_killed_in_mid_delivery_delivers_again_with_the_same_id_and_bytes(
    fleet_of_this_test: Fleet, hooked: JobClient, site: Site
) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold(_seen: object) -> Told:
        held.set()
        let_go.wait(30)
        return Told(b"")

    site.answers["/hook"] = hold
    made = hooked.webhooks.add(site.url("/hook"), ["job.succeeded"])
    worker = fleet_of_this_test.start_worker(**ENV)
    hooked.submit("test.echo", {"text": "hello"})
    assert held.wait(30)
    worker.kill()
    let_go.set()
    fleet_of_this_test.start_worker(**ENV)
    eventually(lambda: hooked.webhooks.standing(made.endpoint.id).health.delivered == 1)
    assert len(site.seen) == 2
    assert len({(each.headers["webhook-id"], each.body) for each in site.seen}) == 1
    assert verified(site.seen[1], made.secret)["type"] == "job.succeeded"


def test_events_in_an_outbox_outlive_a_restart_of_redis(tmp_path: Path, site: Site) -> None:
    site.answers["/hook"] = Told(b"")
    with Fleet(tmp_path, tmp_path / "redis") as fleet, client_of(fleet) as client:
        made = client.webhooks.add(site.url("/hook"), ["job.queued"])
        job = fleet.board.submit(kind="test.echo")
        assert client.webhooks.standing(made.endpoint.id).health.waiting == 1
        fleet.restart_redis()
        fleet.start_worker(**ENV)
        eventually(lambda: len(site.seen) == 1)
        assert verified(site.seen[0], made.secret)["data"]["job_id"] == job
