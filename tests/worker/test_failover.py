"""Failover behind one address: the old primary stays reachable as a replica, and no connection to it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator
from pathlib import Path

import pytest

from backdesk.client import JobClient
from backdesk.client.blocking.connection import ATTEMPTS, PAUSE_S
from backdesk.worker.model.events import JobEvent
from backdesk.worker.store.connection import connect
from backdesk.worker.store.following import SHORTEST_LIFE_S
from tests.support.board import Board
from tests.support.clients import KINDS_OF_CLIENT
from tests.support.eventually import PATIENCE_S, eventually, eventually_async
from tests.support.failover import Pair
from tests.support.workers import Fleet

LEASE_S = 3.0


async def collect(events: AsyncIterable[JobEvent], into: list[JobEvent]) -> None:
    async for event in events:
        into.append(event)  # noqa: PERF401 - what is there already is looked at meanwhile


@pytest.fixture
def jobs(fleet_of_this_test: Fleet, pair: Pair) -> Iterator[JobClient]:
    """A client that knows the address of the pair, and has connections from before the switch."""
    with JobClient(settings=fleet_of_this_test.settings.model_copy(update={"redis_url": pair.url}), checks={}) as jobs:
        yield jobs


def test_a_call_is_repeated_until_a_connection_to_a_demoted_server_is_left_however_young_it_is() -> None:
    assert sum(PAUSE_S * attempt for attempt in range(1, ATTEMPTS)) > SHORTEST_LIFE_S


def test_a_job_runs_through_a_failover_and_new_ones_are_consumed_after_it(
    fleet_of_this_test: Fleet, pair: Pair, jobs: JobClient, tmp_path: Path
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    worker = fleet.start_worker(BACKDESK_REDIS_URL=pair.url, BACKDESK_LEASE_S=str(LEASE_S))
    running = jobs.submit("test.wait_for_file", {"flag": str(flag)})
    fleet.wait_until_running(running.id)
    pair.in_step()
    pair.demote()
    eventually(lambda: worker.logged("redis_unavailable"))
    pair.promote()
    quick = [jobs.submit("test.echo", {}) for _ in range(3)]
    assert all(job.result(timeout=PATIENCE_S) for job in quick)
    with connect(pair.primary.url) as primary:
        first = primary.zscore(fleet.board.keys.leases, running.id) or 0
        later = first + LEASE_S * 1.5 * 1000
        eventually(
            lambda: (primary.zscore(fleet.board.keys.leases, running.id) or 0) > later,
            what="a lease that is renewed where the primary is now",
        )
    flag.touch()
    assert running.result(timeout=PATIENCE_S)
    assert [job.get().attempt for job in (running, *quick)] == [1, 1, 1, 1]


@pytest.mark.parametrize("sort", sorted(KINDS_OF_CLIENT))
async def test_who_watches_a_job_or_waits_for_it_goes_on_through_a_failover(
    sort: str, fleet_of_this_test: Fleet, pair: Pair
) -> None:
    settings = fleet_of_this_test.settings.model_copy(update={"redis_url": pair.url})
    client = KINDS_OF_CLIENT[sort](settings, {})
    with connect(pair.primary.url) as old:
        board = Board(old, settings)
        claim = board.start(board.submit("a"))
        seen: list[JobEvent] = []
        watching = asyncio.create_task(collect(client.watch("a"), seen))
        waiting = asyncio.create_task(client.wait("a"))
        board.emit(claim, "progress", first=0)
        await eventually_async(lambda: len(seen) == 3)
    await asyncio.to_thread(pair.in_step)
    pair.demote()
    pair.promote()
    with connect(pair.primary.url) as new:
        board = Board(new, settings)
        board.emit(claim, "progress", first=1)
        board.succeed(claim)
        await asyncio.wait_for(watching, PATIENCE_S)
        assert (await asyncio.wait_for(waiting, PATIENCE_S)).state == "succeeded"
        assert seen == board.events("a")
    await client.close()
