"""What is gathered when a run is over: every list that still holds work is found, and both sides are counted alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from backdesk.worker.model.job import JobState
from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import open_archive
from tests.chaos.evidence import gather
from tests.chaos.hand import Dealt
from tests.chaos.peer.tally import tally
from tests.chaos.plan import FaultKind
from tests.chaos.script import Move
from tests.chaos.witness import Witness
from tests.support.archives import Mover
from tests.support.board import Board, Clock

MOVES = [Move(do="step", key="s", effect="pure")]


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    with closing(Witness(tmp_path / "witness.sqlite").create()) as witness:
        yield witness


def leftovers(client: redis.Redis, settings: Settings, witness: Witness) -> list[str]:
    found = gather(client, settings, witness, orders=[], acknowledged=[], absent=[], deserters=[])
    return found.leftovers


def test_an_empty_store_has_nothing_left(client: redis.Redis, settings: Settings, witness: Witness) -> None:
    assert leftovers(client, settings, witness) == []


@pytest.mark.parametrize(
    "key",
    ["leases", "due", "expiring", "window:agents", "lane:tools", "line:agents:acme:k", "stranded:k", "unacked_index"],
)
def test_a_list_that_holds_work_is_found(client: redis.Redis, settings: Settings, witness: Witness, key: str) -> None:
    name = key if key.startswith("unacked") else f"{settings.prefix}:{key}"
    client.zadd(name, {"job-1": 1})
    assert any(entry.startswith(f"{name} is not empty") for entry in leftovers(client, settings, witness))


@pytest.mark.parametrize("key", ["stopping", "awaiting:job-1", "unacked"])
def test_a_request_that_nobody_took_back_is_found(
    client: redis.Redis, settings: Settings, witness: Witness, key: str
) -> None:
    name = key if key == "unacked" else f"{settings.prefix}:{key}"
    client.hset(name, "job-1", '["", "call:job-1"]')
    assert any(entry.startswith(f"{name} is not empty") for entry in leftovers(client, settings, witness))


def test_a_job_is_read_with_its_log_and_its_ledger(client: redis.Redis, settings: Settings, witness: Witness) -> None:
    board = Board(client, settings)
    board.submit("job-1", kind="chaos.agent", request={"moves": [move.model_dump() for move in MOVES]})
    found = gather(client, settings, witness, orders=[], acknowledged=["job-1"], absent=[], deserters=[])
    job = found.jobs["job-1"]
    assert (job.script.moves, [event.type for event in job.events], job.completed) == (MOVES, ["queued"], {})
    assert any("window" in entry for entry in found.leftovers)


def test_an_archived_job_is_found_and_told_of_where_redis_has_another(
    client: redis.Redis, settings: Settings, witness: Witness, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"archive_url": f"sqlite:///{tmp_path}/archive.sqlite3"})
    board = Board(client, settings, Clock())
    for job_id in ("gone", "same", "other"):
        board.fail(board.start(board.submit(job_id, request={"moves": []})))
    kept = {
        key(job_id): client.dump(key(job_id))
        for job_id in ("same", "other")
        for key in (board.keys.job, board.keys.events)
    }
    with closing(open_archive(settings)) as archive:
        Mover(board, archive).outlive("gone", "same", "other")
    for name, dump in kept.items():
        client.restore(name, 0, dump or b"")
    client.hset(board.keys.job("other"), "state", "succeeded")
    found = gather(client, settings, witness, orders=[], acknowledged=[], absent=[], deserters=[])
    assert found.jobs["gone"].record.state is JobState.FAILED
    assert found.archived == {"gone", "same", "other"}
    assert found.contrary == ["other"]


def test_the_tally_counts_what_is_unfinished_and_what_was_done_twice(witness: Witness, tmp_path: Path) -> None:
    first = witness.begin_attempt("twice", 1)
    for attempt in (1, 2):
        witness.end_run(witness.begin_run("twice", "s", "unsafe", attempt))
        witness.charge("twice", "s", attempt)
    witness.begin_attempt("twice", 2)
    witness.finish("twice", 2)
    witness.begin_attempt("lost", 1)
    with sqlite3.connect(tmp_path / "witness.sqlite") as database:
        database.execute("UPDATE attempts SET pid = 7, started = 10.0 WHERE job = 'lost' OR id = ?", (first,))
        database.execute("UPDATE attempts SET pid = 8, started = 14.5 WHERE job = 'twice' AND attempt = 2")
    database.close()
    kill = Dealt(12.0, FaultKind.KILL_WORKER, "agents-1", frozenset({7}))
    found = tally(
        "x",
        "",
        witness,
        acknowledged=["twice", "lost", "never"],
        held=["never", "elsewhere"],
        dealt=[kill],
        deserters=0,
        drain_s=0,
    )
    assert (found.acknowledged, found.unfinished, found.held, found.bodies_begun) == (3, 2, 1, 3)
    assert (found.steps_ended_twice, found.charges_twice) == (1, 1)
    assert found.recovery is not None
    assert (found.recovery.p50, found.recovery.count, found.not_recovered) == (2.5, 1, 1)
