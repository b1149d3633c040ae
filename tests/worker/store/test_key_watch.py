"""A wait for changes of keys: it ends when Redis tells of one, and is a short one where Redis does not tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from redis.exceptions import ResponseError

from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.key_watch import LOOK_AGAIN_S, KeyWatch

#: Far longer than any test waits.
LONG_S = 600.0
LIST = ("LRANGE", "list", 0, -1)


@pytest.fixture
def watch(settings: Settings) -> Iterator[KeyWatch]:
    watch = KeyWatch(connect(settings.url, part="watch"))
    yield watch
    watch.close()


def test_a_wait_ends_when_a_key_that_was_read_changes(client: redis.Redis, watch: KeyWatch) -> None:
    assert watch.read(LIST, ("EXISTS", "other")) == [[], 0]
    later = threading.Timer(0.2, client.set, ("other", "here"))
    later.start()
    watch.wait(LONG_S)
    later.join()
    assert watch.read(LIST, ("EXISTS", "other")) == [[], 1]


def test_a_change_between_the_read_and_the_wait_is_not_missed(client: redis.Redis, watch: KeyWatch) -> None:
    for number in range(3):
        assert len(watch.read(LIST)[0]) == number
        client.lpush("list", "item")
        watch.wait(LONG_S)


def test_a_wait_ends_in_time_when_nothing_changes(client: redis.Redis, watch: KeyWatch) -> None:
    watch.read(LIST)
    client.set("other", "here")
    watch.wait(LOOK_AGAIN_S * 2)


def test_what_changes_all_the_time_is_not_looked_at_all_the_time(client: redis.Redis, watch: KeyWatch) -> None:
    began = time.monotonic()
    watch.read(LIST)
    client.lpush("list", "item")
    watch.wait(LONG_S)
    assert time.monotonic() >= began + LOOK_AGAIN_S


def test_a_wait_ends_when_it_is_set_even_before(watch: KeyWatch) -> None:
    watch.set()
    watch.wait(LONG_S)
    watch.clear()
    watch.read(LIST)
    later = threading.Timer(0.2, watch.set)
    later.start()
    watch.wait(LONG_S)
    later.join()


def test_a_lost_connection_ends_a_wait_and_is_made_anew(client: redis.Redis, watch: KeyWatch) -> None:
    watch.read(LIST)
    (watched,) = (each for each in client.client_list() if each["name"] == "backdesk-watch")
    client.client_kill_filter(_id=watched["id"])
    watch.wait(LONG_S)
    assert watch.read(LIST) == [[]]
    client.lpush("list", "item")
    watch.wait(LONG_S)


def test_a_read_that_fails_is_raised_and_the_next_one_is_not_mistaken(client: redis.Redis, watch: KeyWatch) -> None:
    client.set("list", "no list")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        watch.read(LIST, ("EXISTS", "other"))
    assert watch.read(("EXISTS", "list", "other")) == [1]


def test_by_resp2_each_wait_is_a_short_one(settings: Settings) -> None:
    watch = KeyWatch(connect(f"{settings.url}?protocol=2"))
    watch.read(LIST)
    watch.wait(LONG_S)
    watch.close()


def test_without_the_right_to_be_told_each_wait_is_a_short_one(client: redis.Redis, settings: Settings) -> None:
    rights = ["+@all", "-client", "+client|setinfo", "+client|setname"]
    client.acl_setuser("untold", enabled=True, nopass=True, keys=["*"], commands=rights)
    watch = KeyWatch(connect(settings.url.replace("redis://", "redis://untold:any@")))
    watch.read(LIST)
    watch.wait(LONG_S)
    watch.close()

    assert not watch.told
    client.acl_deluser("untold")
