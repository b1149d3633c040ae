"""The children of a prefork pool, as its main process follows them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous.hub import Hub

from backdesk.worker.celery import prefork
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


def follow(hub: Hub, child: SimpleNamespace) -> None:
    """Do what Celery does with each child whenever the connection to Redis is made anew."""
    prefork.install()
    AsynPool._track_child_process(SimpleNamespace(_event_process_exit=print), child, hub)


def test_a_child_is_followed_until_its_end(hub: Hub) -> None:
    ends, child_end = os.pipe()
    child = SimpleNamespace(_popen=SimpleNamespace(sentinel=ends))
    follow(hub, child)
    assert [*hub.readers] == [child._sentinel_poll]
    for fd in (ends, child_end, child._sentinel_poll):
        os.close(fd)


def test_a_child_whose_end_was_told_is_not_followed_again(hub: Hub) -> None:
    follow(hub, SimpleNamespace(_sentinel_poll=None))
    assert not hub.readers


def test_a_child_is_spared_the_libraries_that_its_main_process_is(fleet_of_this_test: Fleet) -> None:
    main = fleet_of_this_test.start_worker("tools", slots=1, spawns=True).pid
    fleet_of_this_test.jobs.submit("test.tool", {}).result(timeout=PATIENCE_S)  # then it has loaded all that it will
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    loaded = [Path(f"/proc/{child}/maps").read_text() for child in children]
    jobs = [maps for maps in loaded if "pydantic_core" in maps]  # one keeps account of semaphores
    assert jobs
    assert not any("_yaml" in maps for maps in jobs)
