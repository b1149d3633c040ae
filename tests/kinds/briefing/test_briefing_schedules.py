"""Briefings as they are asked for each morning: by the clocks of each customer, and though a worker is killed."""

from __future__ import annotations

import socket
import threading
from importlib import import_module
from typing import Any

import pytest
import redis

from backdesk.kinds.briefing.samples import read_sample
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.services.scheduler import Scheduler
from backdesk.worker.settings import Settings
from tests.support.board import Board, Clock
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.http_site import Seen, Site, Told, told
from tests.support.schedules import Shelf, planned, schedule
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.briefing.kind"


@pytest.mark.parametrize(
    ("zone", "in_utc"), [("Asia/Tokyo", "22:00:00"), ("Europe/Berlin", "06:00:00"), ("America/New_York", "12:00:00")]
)
def test_a_schedule_makes_the_job_at_seven_by_the_customers_clocks(
    client: redis.Redis, settings: Settings, zone: str, in_utc: str
) -> None:
    import_module(TASKS)
    clock = Clock()  # noon in UTC, before any of them
    shelf = Shelf(Board(client, settings, clock), clock)
    request: dict[str, Any] = {"customer_id": "cust-3", "time_zone": zone, "place": zone.partition("/")[2]}
    asked = {"kind": "briefing.daily", "request": request, "cron": "0 7 * * *", "timezone": zone}
    shelf.keep(schedule("briefing-cust-3", tenant="acme", **asked))
    scheduler = Scheduler(shelf.board.client, settings, REGISTRY, lambda: True, clock)
    for _ in range(24):
        clock.advance(3600)
        scheduler.tick()
    (job,) = shelf.jobs()
    assert (job.kind, job.tenant, planned(job)) == ("briefing.daily", "acme", in_utc)
    assert {name: job.request[name] for name in request} == request


def test_a_briefing_whose_worker_is_killed_goes_on_and_one_that_is_cancelled_hangs_up(
    fleet_of_this_test: Fleet, site: Site
) -> None:
    fleet, waiting, killed = fleet_of_this_test, threading.Event(), threading.Event()

    def hold(_seen: Seen) -> Told:
        waiting.set()
        assert killed.wait(PATIENCE_S)
        return told({"c": 1.0})

    site.answers |= {"/places": told({"results": [{"latitude": 1.0, "longitude": 2.0}]}), "/quote": hold}
    site.answers["/forecast"] = told(read_sample("weather"))
    env: dict[str, Any] = {
        "BACKDESK_TASK_MODULES": TASKS,
        "BACKDESK_BRIEFING_WEATHER": site.url("/forecast"),
        "BACKDESK_BRIEFING_PLACES": site.url("/places"),
        "BACKDESK_BRIEFING_QUOTES": site.url("/quote"),
        "BACKDESK_BRIEFING_TTL_S": "0",
        "BACKDESK_BRIEFING_PRIVATE": "1",
    }
    first = fleet.start_worker("agents", **env)
    request = {"topics": ["weather", "markets"], "symbols": ["ACME"]}
    job = fleet.jobs.submit("briefing.daily", request)
    assert waiting.wait(PATIENCE_S)
    eventually(lambda: "weather" in str(fleet.board.events(job.id)), what="the weather")
    first.kill()
    killed.set()
    fleet.start_worker("agents", **env)
    eventually(lambda: fleet.board.record(job.id).done, what="the briefing")
    record = fleet.board.record(job.id)
    assert [section["error"] for section in record.result["sections"]] == [None, None]
    assert record.attempt == 2
    assert sum(path.startswith("/forecast") for path in site.paths) == 1
    asked, gone = threading.Event(), threading.Event()

    def wait(line: socket.socket) -> None:
        asked.set()
        line.settimeout(PATIENCE_S)
        if not line.recv(1):
            gone.set()

    site.answers["/quote"] = Told(raw=wait)
    cancelled = fleet.jobs.submit("briefing.daily", {"topics": ["markets"], "symbols": ["ACME"]})
    assert asked.wait(PATIENCE_S)
    fleet.board.run(fleet.board.transitions.cancel(cancelled.id, "enough"))
    eventually(lambda: fleet.board.record(cancelled.id).done, what="the end of the other briefing")
    assert fleet.board.state(cancelled.id) == "cancelled"
    assert gone.wait(PATIENCE_S)
