"""The children of a prefork pool, as its main process follows them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous.hub import Hub

from backdesk.worker.celery import prefork


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
