"""What is kept for a time, and fetched once by the processes of a fleet."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from backdesk.agents import Desk
from backdesk.tools import http_tool
from tests.support.eventually import eventually_async
from tests.support.http_site import Seen, Site, Told, told


class Shelf:
    """The cache of Redis, in memory: one for all processes, a shelf for each tenant."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def of(self, tenant: str) -> Any:
        shelf = self

        class Face:
            async def cached(self, key: str, *, public: bool = False) -> bytes | None:
                return shelf.look("*" if public else tenant, key)

            async def cache(
                self, key: str, value: bytes, ttl_s: float, *, new: bool = False, public: bool = False
            ) -> bool:
                return shelf.keep("*" if public else tenant, key, value, ttl_s, new=new)

        return Face()

    def look(self, tenant: str, key: str) -> bytes | None:
        value, ends = self._kept.get((tenant, key), (b"", 0.0))
        return value if time.monotonic() < ends else None

    def keep(self, tenant: str, key: str, value: bytes, ttl_s: float, *, new: bool) -> bool:
        with self._lock:
            if new and self.look(tenant, key) is not None:
                return False
            self._kept[tenant, key] = (value, time.monotonic() + ttl_s)
            return True


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def tool(site: Site, resolve: Any) -> Callable[..., Any]:
    def make(**more: Any) -> Any:
        options: dict[str, Any] = {"private": True, "resolve": resolve, "ttl_s": 60}
        return http_tool("look", f"GET {site.url('/', 'api.example')}", "Look.", **(options | more))

    return make


def slow(seen: Seen) -> Told:
    time.sleep(0.2)
    return told({"asked": seen.path})


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make calls on an event loop each, as processes have theirs."""

    def run(call: Callable[[], Any]) -> Any:
        return asyncio.run(call())

    with ThreadPoolExecutor(len(calls)) as pool:
        return [*pool.map(run, calls)]


def test_processes_that_ask_for_the_same_at_once_fetch_it_once(site: Site, desk: Desk, shelf: Shelf, tool: Any) -> None:
    site.answers["/"] = slow
    look, desk.shelf = tool(), shelf.of("acme")
    found = at_once([lambda: look(desk)] * 4)
    assert {str(each.data) for each in found} == {"{'asked': '/'}"}
    assert len(site.seen) == 1


def test_when_the_process_that_fetches_is_lost_another_does_it_after_a_while(
    site: Site, desk: Desk, shelf: Shelf, tool: Any
) -> None:
    site.answers["/"] = told({"ok": True})
    look, desk.shelf = tool(timeout_s=0.3), shelf.of("acme")
    at_once([lambda: look(desk)])
    (marked,) = [key for _, key in shelf._kept if key.startswith("fetching")]
    shelf._kept.clear()
    shelf.keep("acme", marked, b"1", 60, new=False)
    (found,) = at_once([lambda: look(desk)])
    assert (found.data, len(site.seen)) == ({"ok": True}, 2)


async def test_when_the_call_that_fetches_is_cancelled_another_does_it_at_once(
    site: Site, desk: Desk, shelf: Shelf, tool: Any
) -> None:
    site.answers["/"] = slow
    look, desk.shelf = tool(), shelf.of("acme")
    first = asyncio.ensure_future(look(desk))
    await eventually_async(lambda: site.seen)
    second = asyncio.ensure_future(look(desk))
    first.cancel()
    async with asyncio.timeout(5):  # the mark of the first is good for 20 s
        assert (await second).data == {"asked": "/"}
    assert first.cancelled()


def test_a_failure_is_not_kept_and_the_next_one_tries_again(site: Site, desk: Desk, shelf: Shelf, tool: Any) -> None:
    site.answers["/"] = [told({}, 404), told({"ok": True})]
    look, desk.shelf = tool(), shelf.of("acme")
    found = [at_once([lambda: look(desk)])[0].status for _ in range(3)]
    assert (found, len(site.seen)) == ([404, 200, 200], 2)


def test_what_is_public_is_fetched_once_for_all_tenants_and_all_else_for_each(
    site: Site, desk: Desk, shelf: Shelf, tool: Any
) -> None:
    site.answers["/"] = told({"ok": True})
    desks = [replace(desk, tenant=name, shelf=shelf.of(name)) for name in ("acme", "other")]
    for each in desks:
        at_once([partial(tool(public=True), each)])
    assert len(site.seen) == 1
    for each in desks:
        at_once([partial(tool(), each)])
    assert len(site.seen) == 3


def test_a_tool_that_may_reach_less_is_not_served_what_another_has_fetched(
    site: Site, desk: Desk, shelf: Shelf, tool: Any
) -> None:
    site.answers["/"] = told({"ok": True})
    desk.shelf = shelf.of("acme")
    at_once([lambda: tool(hosts=("else.example",))(desk)])
    at_once([lambda: tool()(desk)])
    assert len(site.seen) == 2


def test_what_the_deployment_keeps_nothing_as_large_of_is_told_all_the_same(
    site: Site, desk: Desk, shelf: Shelf, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tenant: str, key: str, value: bytes, ttl_s: float, *, new: bool) -> bool:
        if len(value) > 10:
            raise ValueError("the value for the cache is too large")
        return Shelf.keep(shelf, tenant, key, value, ttl_s, new=new)

    monkeypatch.setattr(shelf, "keep", refuse)
    site.answers["/"] = told({"ok": True})
    look, desk.shelf = tool(), shelf.of("acme")
    assert at_once([lambda: look(desk)])[0].data == {"ok": True}


def test_what_is_large_is_not_kept(site: Site, desk: Desk, shelf: Shelf, tool: Any) -> None:
    noise = random.Random(1).randbytes(400_000).hex()
    site.answers["/"] = told(noise)
    look, desk.shelf = tool(), shelf.of("acme")
    for _ in range(2):
        at_once([lambda: look(desk)])
    assert len(site.seen) == 2


def test_what_another_version_has_kept_is_fetched_anew(site: Site, desk: Desk, shelf: Shelf, tool: Any) -> None:
    site.answers["/"] = told({"ok": True})
    look, desk.shelf = tool(), shelf.of("acme")
    at_once([lambda: look(desk)])
    for tenant, key in [*shelf._kept]:
        shelf.keep(tenant, key, b'{"status": 200}', 60, new=False) if not key.startswith("fetching") else None
    assert at_once([lambda: look(desk)])[0].data == {"ok": True}
    assert len(site.seen) == 2
