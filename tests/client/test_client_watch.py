"""Watching a job: every event once and in order, whenever one joins and whatever happens to the connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path

import pytest
import redis

from backdesk.client import JobClient
from backdesk.client.operations.cursor import LOG_EVERY_S, Cursor
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.events import EventDraft, JobEvent
from backdesk.worker.model.job import Claim
from backdesk.worker.store.connection import connect
from backdesk.worker.store.records import read_event
from tests.client.conftest import Connect
from tests.support.board import Board
from tests.support.clients import Client, behind
from tests.support.eventually import PATIENCE_S, eventually_async
from tests.support.listening import heard, listening
from tests.support.ports import hold
from tests.support.workers import fast_settings


async def collect(events: AsyncIterable[JobEvent], into: list[JobEvent] | None = None) -> list[JobEvent]:
    found = [] if into is None else into
    async for event in events:
        found.append(event)
    return found


def watchers(board: Board, job_id: str) -> int:
    return int(board.client.pubsub_numsub(board.keys.progress(job_id))[0][1])


async def begin(jobs: Client, board: Board, job_id: str, seen: list[JobEvent]) -> asyncio.Task[list[JobEvent]]:
    """Watch a job in the background, from the moment at which the subscription stands."""
    watching = asyncio.create_task(collect(jobs.watch(job_id), seen))
    await eventually_async(lambda: watchers(board, job_id) == 1)
    return watching


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets how often the log is read in silence, in seconds."""

    def every(seconds: float) -> None:
        for module in ("backdesk.client.blocking.following", "backdesk.client.aio.following"):
            monkeypatch.setattr(f"{module}.LOG_EVERY_S", seconds)

    return every


@pytest.fixture
def claim(board: Board) -> Claim:
    return board.start(board.submit("a"))


async def test_a_watcher_gets_every_event_to_the_last(jobs: Client, board: Board, claim: Claim) -> None:
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    for number in range(20):
        board.emit(claim, "progress", first=number)
    board.succeed(claim)
    assert await asyncio.wait_for(watching, PATIENCE_S) == board.events("a")
    assert [event.seq for event in seen] == list(range(1, 24))


async def test_an_event_arrives_as_soon_as_it_is_written(
    jobs: Client, board: Board, claim: Claim, looks: Callable[[float], None]
) -> None:
    looks(3600)
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    await eventually_async(lambda: len(seen) == 2)
    board.emit(claim, "note")
    await eventually_async(lambda: seen[-1].type == "note")
    board.succeed(claim)
    await asyncio.wait_for(watching, PATIENCE_S)


async def test_who_joins_late_gets_the_events_from_the_first(jobs: Client, board: Board, claim: Claim) -> None:
    board.emit(claim, *["progress"] * 50)
    board.succeed(claim)
    assert await collect(jobs.watch("a")) == board.events("a")


async def test_who_has_seen_some_gets_the_rest(jobs: Client, board: Board, claim: Claim) -> None:
    board.emit(claim, *["progress"] * 5)
    board.succeed(claim)
    assert [event.seq for event in await collect(jobs.watch("a", after=6))] == [7, 8]


@pytest.mark.parametrize("after", [3, 100])
async def test_who_has_seen_the_end_has_nothing_left_to_wait_for(
    jobs: Client, board: Board, claim: Claim, after: int
) -> None:
    board.succeed(claim)
    assert (
        await asyncio.wait_for(collect(jobs.watch("a", after=after, deadline=time.monotonic() + 60)), PATIENCE_S) == []
    )


async def test_a_watch_can_stand_before_the_job_is_submitted(connected: Connect, board: Board) -> None:
    jobs = connected()
    raw, types = behind(jobs), list[str]()
    if isinstance(raw, JobClient):

        def follow() -> None:
            with raw.watch("a") as events:
                assert watchers(board, "a") == 1
                raw.submit("test.echo", {}, job_id="a")
                board.succeed(board.start("a"))
                types.extend(event.type for event in events)

        await asyncio.to_thread(follow)
    else:
        async with raw.watch("a") as events:
            assert watchers(board, "a") == 1
            await raw.submit("test.echo", {}, job_id="a")
            board.succeed(board.start("a"))
            types.extend([event.type async for event in events])
    assert types == ["queued", "started", "succeeded"]


async def test_a_watch_ends_at_its_deadline(jobs: Client, board: Board, claim: Claim) -> None:
    began = time.monotonic()
    events = await collect(jobs.watch(claim.job_id, deadline=began + 0.4))
    assert [event.type for event in events] == ["queued", "started"]
    assert 0.3 < time.monotonic() - began < 20


async def test_the_end_of_a_watch_ends_its_subscription(jobs: Client, board: Board, claim: Claim) -> None:
    watching = await begin(jobs, board, "a", [])
    board.succeed(claim)
    await asyncio.wait_for(watching, PATIENCE_S)
    await eventually_async(lambda: watchers(board, "a") == 0)


async def test_a_watcher_whose_connection_is_cut_again_and_again_misses_nothing_and_sees_nothing_twice(
    jobs: Client, board: Board, claim: Claim
) -> None:
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    for number in range(60):
        board.emit(claim, "progress", first=number)
        if number % 15 == 7:
            board.client.client_kill_filter(_type="pubsub")
            await eventually_async(lambda: watchers(board, "a") == 1)
    board.succeed(claim)
    assert await asyncio.wait_for(watching, PATIENCE_S) == board.events("a")


async def test_what_is_published_while_the_watcher_is_cut_off_is_read_from_the_log(
    jobs: Client, board: Board, claim: Claim
) -> None:
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    await eventually_async(lambda: len(seen) == 2)
    board.emit(claim, "note")
    unheard = board.transitions.emit(claim, 1, [EventDraft("note", b"{}")] * 10)
    with board.client.pipeline() as at_once:
        at_once.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        at_once.evalsha(unheard.script.sha, 0, *unheard.arguments)
        at_once.execute()
    board.succeed(claim)
    assert await asyncio.wait_for(watching, PATIENCE_S) == board.events("a")


async def test_a_subscription_that_redis_drops_for_being_slow_loses_no_event(
    jobs: Client, board: Board, claim: Claim
) -> None:
    board.client.config_set("client-output-buffer-limit", "pubsub 16kb 8kb 1")
    events = aiter(jobs.watch("a"))
    seen = [await anext(events), await anext(events)]
    (before,) = board.client.client_list(_type="pubsub")
    for number in range(400):
        board.emit(claim, "progress", first=number, data={"text": "x" * 20_000})
    await eventually_async(lambda: before["id"] not in {each["id"] for each in board.client.client_list()})
    board.succeed(claim)
    seen += await asyncio.wait_for(collect(events), PATIENCE_S)
    assert [event.seq for event in seen] == list(range(1, 404))


async def test_a_message_that_was_lost_on_the_way_is_noticed_by_the_gap(
    jobs: Client, board: Board, claim: Claim, looks: Callable[[float], None]
) -> None:
    looks(3600)
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    await eventually_async(lambda: len(seen) == 2)
    silent = board.log("a")[-1].replace(b"started", b"silent")
    board.client.rpush(board.keys.events("a"), silent)
    board.emit(claim, "note")
    await eventually_async(lambda: len(seen) == 4)
    assert [event.type for event in seen] == ["queued", "started", "silent", "note"]
    board.succeed(claim)
    await asyncio.wait_for(watching, PATIENCE_S)


async def test_a_message_that_was_lost_without_a_successor_is_found_after_a_while(
    jobs: Client, board: Board, claim: Claim, looks: Callable[[float], None]
) -> None:
    assert LOG_EVERY_S == 5
    looks(0.2)
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    await eventually_async(lambda: len(seen) == 2)
    silent = board.log("a")[-1].replace(b'"started"', b'"succeeded"')
    board.client.rpush(board.keys.events("a"), silent)
    await asyncio.wait_for(watching, PATIENCE_S)
    assert seen[-1].type == "succeeded"


async def test_a_watch_survives_the_restart_of_redis(connected: Connect, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path).start()
    port = server.port
    jobs = connected(redis_url=server.url)
    with connect(server.url) as raw:
        board = Board(raw, fast_settings(server.url))
        claim = board.start(board.submit("a"))
        seen: list[JobEvent] = []
        watching = await begin(jobs, board, "a", seen)
        server.stop()
        with hold(port), EmbeddedRedis(tmp_path, port=port):
            await eventually_async(lambda: watchers(board, "a") == 1)
            board.succeed(claim)
            assert await asyncio.wait_for(watching, PATIENCE_S) == board.events("a")


async def test_two_watchers_see_the_same(connected: Connect, board: Board, claim: Claim) -> None:
    both = [asyncio.create_task(collect(connected().watch("a"))) for _ in range(2)]
    await eventually_async(lambda: watchers(board, "a") == 2)
    board.emit(claim, *["progress"] * 10)
    board.succeed(claim)
    first, second = await asyncio.wait_for(asyncio.gather(*both), PATIENCE_S)
    assert first == second == board.events("a")


def test_anybody_can_listen_with_a_plain_redis_client(board: Board, client: redis.Redis) -> None:
    with listening(client, "backdesk:progress:a") as plain:
        board.submit("a")
        board.succeed(board.start("a"))
        messages = heard(plain, 3)
    assert [read_event(message["data"]) for message in messages] == board.events("a")


# The cursor


def event(seq: int, event_type: str = "progress") -> JobEvent:
    return JobEvent.model_validate(
        {"seq": seq, "job_id": "a", "kind": "k", "tenant": "t", "attempt": 1, "at": 0, "type": event_type}
    )


def test_a_cursor_hands_on_each_event_once_and_nothing_after_the_last() -> None:
    cursor = Cursor(after=2)
    events = [event(1), event(3), event(3), event(4, "failed"), event(5)]
    assert [e.seq for e in cursor.take(events)] == [3, 4]
    assert (cursor.done, cursor.seq) == (True, 3)


def test_a_cursor_knows_the_next_event_from_one_further_ahead() -> None:
    cursor = Cursor(after=2)
    assert (cursor.follows(event(3)), cursor.follows(event(4)), cursor.seen(event(2))) == (True, False, True)


def test_a_cursor_hands_on_an_event_that_has_taken_the_place_of_the_last_and_none_that_stood_there_before() -> None:
    cursor = Cursor(after=2)
    first, second = (event(3).model_copy(update={"replaced": times}) for times in (4, 5))
    assert list(cursor.take([event(3), second, first, second])) == [event(3), second]
    assert (cursor.follows(first), cursor.follows(second)) == (False, False)
    assert cursor.follows(second.model_copy(update={"replaced": 6}))
    assert cursor.seq == 2


async def test_a_watcher_is_told_states_that_take_each_others_place(jobs: Client, board: Board, claim: Claim) -> None:
    board.client.hset(board.keys.job("a"), "attempt", 200)
    seen: list[JobEvent] = []
    watching = await begin(jobs, board, "a", seen)
    await eventually_async(lambda: len(seen) == 2)
    for _ in range(3):
        board.retry(claim, 0)
        board.promote()
        claim = board.start("a")
    board.succeed(claim)
    await asyncio.wait_for(watching, PATIENCE_S)
    told = [event.type for event in seen]
    assert told == ["queued", "started", *["retrying", "queued", "started"] * 3, "succeeded"]
    assert [event.seq for event in seen] == [1, *[2] * 10, 3]
    assert [event.type for event in board.events("a")] == ["queued", "started", "succeeded"]


async def test_a_long_log_is_read_by_pages(jobs: Client, board: Board, claim: Claim) -> None:
    for first in range(0, 500, 100):
        board.emit(claim, *["note"] * 100, first=first)
    board.client.config_resetstat()
    assert await jobs.events("a") == board.events("a")
    assert len(await jobs.events("a", after=400)) == 102
    assert board.client.info("commandstats")["cmdstat_lrange"]["calls"] == 3 + 1 + 1
