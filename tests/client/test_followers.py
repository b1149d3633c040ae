"""Many who follow jobs by one client, and what becomes of them when Redis goes away."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from backdesk.client import AsyncJobClient, JobClient, JobNotFound, ResultTimeout, StoreUnavailable
from backdesk.client.channels.hub import Subscription
from backdesk.client.channels.inbox import MOST_KEPT, Inbox
from backdesk.client.operations.patience import Patience
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import MOST_CONNECTIONS, connect, connect_async
from tests.client.conftest import Connect
from tests.client.test_client_watch import begin, collect, watchers
from tests.support.board import Board
from tests.support.clients import Client, behind
from tests.support.eventually import PATIENCE_S, eventually, eventually_async
from tests.support.ports import hold
from tests.support.proxy import Proxy
from tests.support.workers import fast_settings

MANY = 300


def subscriptions(client: redis.Redis) -> list[dict[str, Any]]:
    """The connections that are subscribed to anything."""
    found: list[dict[str, Any]] = client.client_list(_type="pubsub")
    return found


def events_of(jobs: Client, job_id: str) -> AsyncGenerator[JobEvent]:
    """The events of a job as what they are: a generator, which can be closed."""
    return cast("AsyncGenerator[JobEvent]", aiter(jobs.watch(job_id)))


async def opened(client: JobClient | AsyncJobClient, job_id: str) -> None:
    """Open a watch, and close it."""
    if isinstance(client, JobClient):
        with client.watch(job_id):
            pass
    else:
        async with client.watch(job_id):
            pass


def _ended(board: Board, claims: list[Claim]) -> list[str]:
    return [board.keys.ended(claim.job_id) for claim in claims]


# Any number of followers


async def test_hundreds_wait_for_results_by_one_subscription(board: Board, settings: Settings) -> None:
    claims = [board.start(board.submit(f"job-{number}")) for number in range(MANY)]
    async with AsyncJobClient(settings=settings) as jobs:
        waiting = [asyncio.create_task(jobs.result(claim.job_id, PATIENCE_S)) for claim in claims]
        await eventually_async(lambda: sum(n for _, n in board.client.pubsub_numsub(*_ended(board, claims))) == MANY)
        assert len(subscriptions(board.client)) == 1
        await asyncio.to_thread(lambda: [board.succeed(claim, n) for n, claim in enumerate(claims)])
        assert await asyncio.gather(*waiting) == list(range(MANY))
    assert subscriptions(board.client) == []


async def test_who_waits_for_a_result_is_no_watcher_of_the_job_and_who_watches_is_one(
    jobs: Client, board: Board
) -> None:
    claim = board.start(board.submit("a"))
    waiting = asyncio.create_task(jobs.result("a", PATIENCE_S))
    await eventually_async(lambda: len(subscriptions(board.client)) == 1)
    assert board.emit(claim, "progress") == 0
    watching = await begin(jobs, board, "a", [])
    assert board.emit(claim, "progress", first=1) == 1
    board.succeed(claim, "there")
    await asyncio.wait_for(watching, PATIENCE_S)
    assert await asyncio.wait_for(waiting, PATIENCE_S) == "there"


async def test_hundreds_watch_by_one_subscription(board: Board, settings: Settings) -> None:
    claims = [board.start(board.submit(f"job-{number}")) for number in range(MANY)]
    async with AsyncJobClient(settings=settings) as jobs:
        watching = [asyncio.create_task(collect(jobs.watch(claim.job_id))) for claim in claims]
        channels = [board.keys.progress(claim.job_id) for claim in claims]
        await eventually_async(lambda: sum(n for _, n in board.client.pubsub_numsub(*channels)) == MANY)
        assert len(subscriptions(board.client)) == 1
        await asyncio.to_thread(lambda: [board.succeed(claim) for claim in claims])
        seen = await asyncio.gather(*watching)
    assert {tuple(event.type for event in each) for each in seen} == {("queued", "started", "succeeded")}


def test_hundreds_of_threads_wait_by_one_subscription(board: Board, settings: Settings) -> None:
    claims = [board.start(board.submit(f"job-{number}")) for number in range(MANY // 2)]
    results: dict[str, object] = {}
    with JobClient(settings=settings) as jobs:

        def wait(job_id: str) -> None:
            results[job_id] = jobs.result(job_id, PATIENCE_S)

        threads = [threading.Thread(target=wait, args=(claim.job_id,)) for claim in claims]
        for thread in threads:
            thread.start()
        eventually(lambda: sum(n for _, n in board.client.pubsub_numsub(*_ended(board, claims))) == len(claims))
        assert len(subscriptions(board.client)) == 1
        for number, claim in enumerate(claims):
            board.succeed(claim, number)
        for thread in threads:
            thread.join(PATIENCE_S)
    assert results == {claim.job_id: number for number, claim in enumerate(claims)}


async def test_who_finds_all_connections_taken_waits_for_one(board: Board, settings: Settings) -> None:
    """More callers at once than connections, and than redis-py's own limit."""
    async with connect_async(board.settings.url) as client:
        slow = [client.execute_command("CLIENT", "PAUSE", "300", "WRITE"), *(client.incr("n") for _ in range(MANY))]
        await asyncio.gather(*slow)
        assert await client.get("n") == str(MANY).encode()
        opened = [each for each in await client.client_list() if each["name"] == "backdesk"]
        assert len(opened) <= MOST_CONNECTIONS + 1  # and the board's


# A follower who is busy


async def test_a_follower_who_does_not_listen_holds_up_nobody_and_misses_nothing(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    idle = aiter(jobs.watch("a"))
    seen = [await anext(idle)]
    busy: list[JobEvent] = []
    watching = asyncio.create_task(collect(jobs.watch("a"), busy))
    for number in range(MOST_KEPT * 3):
        await asyncio.to_thread(board.emit, claim, "progress", first=number)
    await eventually_async(lambda: len(busy) == MOST_KEPT * 3 + 2)
    board.succeed(claim)
    await asyncio.wait_for(watching, PATIENCE_S)
    seen += await asyncio.wait_for(collect(idle), PATIENCE_S)
    assert seen == busy == board.events("a")


def test_an_inbox_keeps_a_few_messages_and_then_only_that_something_was_missed() -> None:
    inbox = Inbox()
    for number in range(MOST_KEPT):
        inbox.hear(b"%d" % number)
    assert (inbox.ready, inbox.take()) == (True, b"0")
    inbox.hear(b"last that fits")
    inbox.hear(b"one too many")
    assert (inbox.ready, inbox.take()) == (True, None)
    inbox.hear(b"of no use before the follower has looked")
    assert inbox.take() is None
    inbox.clear()
    assert inbox.ready is False
    inbox.hear(b"next")
    assert inbox.take() == b"next"


# Nothing is left behind


async def test_followers_of_one_job_share_its_subscription_until_the_last_leaves(jobs: Client, board: Board) -> None:
    board.start(board.submit("a"))
    first, second = events_of(jobs, "a"), events_of(jobs, "a")
    await anext(first)
    await anext(second)
    assert watchers(board, "a") == 1
    other = events_of(jobs, "b")
    board.submit("b")
    await anext(other)
    await first.aclose()
    assert watchers(board, "a") == 1
    await second.aclose()
    await eventually_async(lambda: watchers(board, "a") == 0)
    assert watchers(board, "b") == 1
    await other.aclose()
    await eventually_async(lambda: not subscriptions(board.client), what="the end of the connection")


async def test_a_wait_that_is_cancelled_or_runs_out_of_time_leaves_no_subscription(
    board: Board, settings: Settings
) -> None:
    board.submit("a")
    async with AsyncJobClient(settings=settings) as jobs:
        waiting = [asyncio.create_task(jobs.result("a")) for _ in range(20)]
        await eventually_async(lambda: len(subscriptions(board.client)) == 1)
        for task in waiting:
            task.cancel()
        with pytest.raises(ResultTimeout):
            await jobs.result("a", 0.2)
        await asyncio.gather(*waiting, return_exceptions=True)
        await eventually_async(lambda: not subscriptions(board.client))


async def test_who_follows_by_a_client_that_is_closed_is_told(connected: Connect, board: Board) -> None:
    jobs = connected()
    board.start(board.submit("a"))
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    await eventually_async(lambda: len(seen) == 2)
    await jobs.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await asyncio.wait_for(watching, PATIENCE_S)
    await eventually_async(lambda: not subscriptions(board.client), what="the end of the connection")


async def test_a_watch_that_cannot_begin_follows_nothing_later_either(connected: Connect, restarts: Restarts) -> None:
    jobs = connected(redis_url=restarts.url)
    for job_id in ("a", "b"):
        restarts.board.submit(job_id)
    restarts.stop()
    with pytest.raises(StoreUnavailable):
        await opened(behind(jobs), "a")
    restarts.start()
    watching = await begin(jobs, restarts.board, "b", [])
    assert watchers(restarts.board, "a") == 0
    restarts.board.succeed(restarts.board.start("b"))
    await asyncio.wait_for(watching, PATIENCE_S)


def test_a_blocking_client_that_is_forgotten_ends_its_thread(board: Board, settings: Settings) -> None:
    before = set(threading.enumerate())
    board.submit("a")
    jobs = JobClient(settings=settings)
    with pytest.raises(ResultTimeout):
        jobs.result("a", 0.1)
    (its,) = set(threading.enumerate()) - before
    del jobs
    # More than once: its thread may hold it for the moment.
    eventually(lambda: gc.collect() >= 0 and not its.is_alive())


def test_a_client_that_follows_can_be_used_after_a_fork_by_both(board: Board, settings: Settings) -> None:
    claims = [board.start(board.submit(job_id)) for job_id in ("parent", "child")]
    results: list[object] = []
    with JobClient(settings=settings) as jobs:
        thread = threading.Thread(target=lambda: results.append(jobs.result("parent", PATIENCE_S)))
        thread.start()
        eventually(lambda: len(subscriptions(board.client)) == 1)
        child = multiprocessing.get_context("fork").Process(target=lambda: os._exit(jobs.result("child", PATIENCE_S)))
        child.start()
        eventually(lambda: len(subscriptions(board.client)) == 2)
        board.succeed(claims[1], 42)
        child.join(PATIENCE_S)
        board.succeed(claims[0], 7)
        thread.join(PATIENCE_S)
    assert (child.exitcode, results) == (42, [7])


# Redis goes away


class Restarts:
    """A server of its own that can go away and come back, with a board on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedRedis(folder).start()
        self.url, self._port = self._server.url, self._server.port
        self._held = ExitStack()
        self.client = connect(self.url)
        self.board = Board(self.client, fast_settings(self.url))

    def stop(self) -> None:
        self._server.stop()
        self._held.enter_context(hold(self._port))

    def start(self) -> None:
        with self._held:
            self._server = EmbeddedRedis(self._folder, port=self._port).start()

    def close(self) -> None:
        self.client.close()
        self._server.stop()
        self._held.close()


@pytest.fixture
def restarts(tmp_path: Path) -> Iterator[Restarts]:
    server = Restarts(tmp_path)
    yield server
    server.close()


async def away(restarts: Restarts, seconds: float) -> None:
    """Let the server be away for longer than any single call waits."""
    await asyncio.to_thread(restarts.stop)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(restarts.start)


async def test_who_follows_goes_on_where_it_was_after_a_restart_of_redis(
    connected: Connect, restarts: Restarts
) -> None:
    board, jobs = restarts.board, connected(redis_url=restarts.url)
    claim = board.start(board.submit("a"))
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    waiting = asyncio.create_task(jobs.result("a", PATIENCE_S))
    await eventually_async(lambda: len(seen) == 2)
    await away(restarts, 1.5)
    board.emit(claim, "note")
    board.succeed(claim, "there")
    assert await asyncio.wait_for(waiting, PATIENCE_S) == "there"
    assert await asyncio.wait_for(watching, PATIENCE_S) == board.events("a")
    assert [event.seq for event in seen] == [1, 2, 3, 4]


async def test_who_begins_to_follow_while_redis_is_away_waits_for_it(connected: Connect, restarts: Restarts) -> None:
    board, jobs = restarts.board, connected(redis_url=restarts.url)
    board.succeed(board.start(board.submit("a")), "there")
    await jobs.get("a")
    await asyncio.to_thread(restarts.stop)
    waiting = asyncio.create_task(jobs.result("a", PATIENCE_S))
    watching = asyncio.create_task(collect(jobs.watch("a")))
    await asyncio.sleep(1.5)
    await asyncio.to_thread(restarts.start)
    assert await asyncio.wait_for(waiting, PATIENCE_S) == "there"
    assert await asyncio.wait_for(watching, PATIENCE_S) == board.events("a")


async def test_a_redis_that_does_not_come_back_is_waited_for_as_long_as_is_set(
    connected: Connect, restarts: Restarts
) -> None:
    board, jobs = restarts.board, connected(redis_url=restarts.url, outage_patience_s=1.0)
    board.start(board.submit("a"))
    watching = await begin(jobs, board, "a", [])
    waiting = asyncio.create_task(jobs.result("a", PATIENCE_S))
    await asyncio.to_thread(restarts.stop)
    for following in (watching, waiting):
        with pytest.raises(StoreUnavailable, match=r"no Redis could be reached .* waited for \d+\.\d s in vain"):
            await asyncio.wait_for(following, PATIENCE_S)


async def test_no_outage_is_waited_for_beyond_the_time_of_the_caller(connected: Connect, restarts: Restarts) -> None:
    jobs = connected(redis_url=restarts.url)
    restarts.board.start(restarts.board.submit("a"))
    await jobs.get("a")
    await asyncio.to_thread(restarts.stop)
    with pytest.raises(StoreUnavailable, match="no Redis could be reached"):
        await asyncio.wait_for(jobs.result("a", 0.5), PATIENCE_S / 3)


async def test_an_address_at_which_nothing_ever_answered_is_not_waited_for(connected: Connect) -> None:
    jobs = connected(redis_url="redis://127.0.0.1:1/0")
    for following in (jobs.result("a", PATIENCE_S), collect(jobs.watch("a"))):
        with pytest.raises(StoreUnavailable, match="no Redis could be reached"):
            await asyncio.wait_for(following, PATIENCE_S)


async def test_a_subscription_whose_connection_is_half_open_is_made_anew(
    connected: Connect, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.client.channels.hub.PING_EVERY_S", 0.1)
    monkeypatch.setattr("backdesk.client.channels.hub.SILENT_S", 0.3)
    claim = board.start(board.submit("a"))
    port = int(board.settings.url.rpartition(":")[2].partition("/")[0])
    with Proxy(port) as proxy:
        jobs = connected(redis_url=proxy.url)
        seen: list[JobEvent] = []
        watching = await begin(jobs, board, "a", seen)
        before = {each["id"] for each in subscriptions(board.client)}
        proxy.strand_all()
        await eventually_async(lambda: {each["id"] for each in subscriptions(board.client)} - before)
        board.emit(claim, "note")
        await eventually_async(lambda: len(seen) == 3)
        board.succeed(claim)
        await asyncio.wait_for(watching, PATIENCE_S)


async def test_a_subscription_that_has_lost_its_connection_makes_no_other_by_itself(settings: Settings) -> None:
    async with connect_async(settings.url) as client, Subscription(client.connection_pool) as subscription:
        await subscription.subscribe("a")
        await client.connection_pool.disconnect()
        with pytest.raises(RedisConnectionError, match="is lost"):
            await subscription.unsubscribe("a")
        with pytest.raises(RedisConnectionError, match="is lost"):
            await subscription.get_message(timeout=1)


async def test_a_job_that_is_forgotten_meanwhile_ends_the_wait_for_it(jobs: Client, board: Board) -> None:
    board.submit("a")
    waiting = asyncio.create_task(jobs.result("a", PATIENCE_S))
    await eventually_async(lambda: len(subscriptions(board.client)) == 1)
    board.client.flushdb()
    board.client.client_kill_filter(_type="pubsub")
    with pytest.raises(JobNotFound):
        await asyncio.wait_for(waiting, PATIENCE_S)


# The patience


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def outage() -> StoreUnavailable:
    error = StoreUnavailable("no Redis")
    error.__cause__ = redis.ConnectionError("refused")
    return error


def test_patience_looks_again_less_and_less_often_and_ends() -> None:
    clock, pauses = Time(), []
    patience = Patience(4, None, clock=clock, chance=lambda: 0)
    while clock.now < 4:
        pauses.append(patience.pause_after(outage()))
        clock.now += pauses[-1]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1, 1, 0.5])
    with pytest.raises(StoreUnavailable, match=r"^no Redis; it was waited for 4\.0 s in vain$"):
        patience.pause_after(outage())


def test_patience_ends_with_the_deadline_and_was_never_there_for_other_errors() -> None:
    assert Patience(60, 0.05, clock=Time()).pause_after(outage()) <= 0.05
    with pytest.raises(StoreUnavailable, match=r"^no Redis$"):
        Patience(0, None, clock=Time()).pause_after(outage())
    wrong = StoreUnavailable("no rights")
    wrong.__cause__ = redis.ResponseError("NOPERM")
    with pytest.raises(StoreUnavailable, match=r"^no rights$"):
        Patience(60, None).pause_after(wrong)
