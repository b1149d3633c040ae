"""Dead letters: found by what is known of them, done again as new jobs, or forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic_core import to_json

from backdesk.client.operations.steps import Remembered
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import IdempotencyConflict, InvalidRequest, JobNotFound, NotReplayable, UnknownKind
from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import Failed, JobState
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.settings import Settings
from tests.client.conftest import Connect
from tests.support.board import Board, Clock, question
from tests.support.clients import Client
from tests.support.eventually import PATIENCE_S, eventually_async
from tests.support.kinds import Message
from tests.support.proxy import Proxy
from tests.support.upkeep import leaks
from tests.support.workers import Fleet


def die(board: Board, job_id: str, category: Category = Category.NETWORK, code: str = "broken", **fields: Any) -> str:
    """Make a dead letter, and return its id."""
    claim = board.start(board.submit(job_id, **fields))
    board.finish(claim, Failed(Failure(code=code, message="it broke", category=category)))
    return job_id


def reject(board: Board, job_id: str, kind: str = "test.echo") -> str:
    """Make a dead letter of a message that could not become a job."""
    failure = Failure(code="invalid_request", message="text: is missing")
    assert board.run(board.transitions.reject(job_id, kind, "acme", failure))
    return job_id


# Looking through them


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"a", "b", "c"}),
        ({"tenant": "globex"}, {"b"}),
        ({"kind": "test.steps"}, {"c"}),
        ({"code": "no_stock"}, {"b", "c"}),
        ({"category": "validation"}, {"c"}),
        ({"category": Category.NETWORK, "tenant": "acme"}, {"a"}),
        ({"tenant": "nobody"}, set()),
        ({"all": True}, {"a", "b", "c", "replayed"}),
    ],
)
async def test_dead_letters_are_found_by_what_is_known_of_them(
    jobs: Client, board: Board, filters: dict[str, Any], expected: set[str]
) -> None:
    die(board, "a")
    die(board, "b", code="no_stock", tenant="globex")
    die(board, "c", Category.VALIDATION, code="no_stock", kind="test.steps", request={"n": 1})
    board.succeed(board.start(board.submit("fine")))
    await jobs.dead.replay(die(board, "replayed"))
    assert {record.id for record in await jobs.dead.list(**filters)} == expected


async def test_the_newest_dead_letters_come_first_and_no_older_ones_than_asked_for(
    client: redis.Redis, settings: Settings, jobs: Client
) -> None:
    clock = Clock(round(datetime.now(UTC).timestamp() * 1000) - 450_000)
    board = Board(client, settings, clock)
    for number in range(450):
        die(board, f"d-{number}")
        clock.advance(1)
    assert [record.id for record in await jobs.dead.list(limit=2)] == ["d-449", "d-448"]
    assert len(await jobs.dead.list(limit=1000)) == 450
    moment = datetime.now(UTC) - timedelta(seconds=100)
    for since in (100, timedelta(seconds=100), moment, moment.replace(tzinfo=None)):
        assert 60 <= len(await jobs.dead.list(since=since, limit=1000)) <= 101
    assert not await jobs.dead.list(since=datetime.now(UTC) + timedelta(hours=1))
    assert len(await jobs.dead.list(since=timedelta.max, limit=1000)) == 450


@pytest.mark.parametrize("since", ["yesterday", True, 0, -5, float("nan"), float("inf")])
async def test_a_since_that_is_none_is_refused(jobs: Client, since: Any) -> None:
    for asked in (jobs.dead.list(since=since), jobs.dead.replay_many(since=since)):
        with pytest.raises(InvalidRequest, match="how long ago: a timedelta or seconds over 0") as caught:
            await asked
        assert caught.value.field == "since"


async def test_dead_letters_come_in_pages(jobs: Client, board: Board) -> None:
    for number in range(5):
        die(board, f"d-{number}", code="no_stock")
    first = await jobs.dead.list(code="no_stock", limit=3)
    rest = await jobs.dead.list(code="no_stock", limit=3, cursor=first.cursor)
    assert sorted(record.id for record in [*first, *rest]) == [f"d-{number}" for number in range(5)]


# Replaying


async def test_a_replay_is_a_new_job_with_what_the_old_one_had(jobs: Client, board: Board) -> None:
    retry = RetryPolicy(attempts=2)
    kept: dict[str, Any] = {"tenant": "globex", "priority": 8, "timeout_ms": 5000, "retry": retry, "slots": 2}
    die(board, "a", request={"text": "hi"}, metadata=b'{"ticket":7}', expires_at_ms=4_000_000_000_000, **kept)
    job = await jobs.dead.replay("a")
    old, new = await jobs.get("a"), await jobs.get(job.id)

    assert job.created
    assert (new.kind, new.request, new.metadata) == ("test.echo", {"text": "hi"}, {"ticket": 7})
    assert (new.tenant, new.priority, new.timeout_s, new.retry, new.slots) == ("globex", 8, 5.0, retry, 2)
    assert (new.state, new.attempt, new.expires_at) == ("queued", 0, None)
    assert (new.origin, old.replayed_as, old.state) == ("a", job.id, "failed")


async def test_a_replay_may_differ_from_its_origin(jobs: Client, board: Board) -> None:
    die(board, "a", request={"text": "typo"})
    job = await jobs.dead.replay("a", request={"text": "mended"}, priority=9, delay=60, expires=600, slots=3)
    new = await jobs.get(job.id)
    assert (new.request, new.priority, new.slots, new.state) == ({"text": "mended"}, 9, 3, "scheduled")
    assert new.expires_at is not None


@pytest.mark.parametrize(
    ("edited", "conversation"),
    [(None, "a"), ({"text": "again"}, "a"), ({"text": "again", "conversation_id": "b"}, "b")],
)
async def test_a_replay_is_of_the_same_conversation_unless_an_edited_request_names_another(
    connected: Connect, board: Board, edited: object, conversation: str
) -> None:
    jobs = connected(checks={"test.chat": ModelCheck("agents", Message)})
    die(board, "a", kind="test.chat", request={"text": "hi"}, conversation="a")
    new = await jobs.get((await jobs.dead.replay("a", request=edited)).id)
    assert (new.conversation, new.request["conversation_id"]) == (conversation, conversation)


async def test_a_repeated_replay_makes_no_second_job(jobs: Client, board: Board) -> None:
    die(board, "a")
    first, second = await jobs.dead.replay("a"), await jobs.dead.replay("a", resume=False)
    board.succeed(board.start(first.id))
    third = await jobs.dead.replay("a")
    assert (second.id, third.id) == (first.id, first.id)
    assert (first.created, second.created, third.created) == (True, False, False)
    with pytest.raises(IdempotencyConflict) as caught:
        await jobs.dead.replay("a", request={"text": "other"})
    assert caught.value.job_id == first.id


async def test_a_replay_that_failed_in_turn_can_be_followed_by_another(jobs: Client, board: Board) -> None:
    die(board, "a")
    first = await jobs.dead.replay("a")
    board.fail(board.start(first.id))
    second, of_the_replay = await jobs.dead.replay("a"), await jobs.dead.replay(first.id)
    assert len({first.id, second.id, of_the_replay.id}) == 3
    assert board.record("a").replayed_as == second.id
    assert board.record(of_the_replay.id).origin == first.id
    assert leaks(board.client, board.settings.prefix) == []


async def test_a_replay_whose_answer_was_lost_makes_one_job(
    connected: Connect, redis_server: EmbeddedRedis, board: Board
) -> None:
    die(board, "a", request={"text": "lost answer"})
    with Proxy(redis_server.port) as proxy:
        jobs = connected(redis_url=proxy.url)
        await jobs.submit("test.echo", {"text": "loads the script"})
        proxy.cut_after(b"EVALSHA")
        await jobs.dead.replay("a")
        assert proxy.cuts == 1
    assert board.client.zcard(board.keys.state("queued")) == 2


async def test_only_a_job_that_failed_can_be_replayed(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit("fine")))
    board.submit("waits")
    for job_id, state in (("fine", "succeeded"), ("waits", "queued")):
        with pytest.raises(NotReplayable, match=f"it is {state}; only a job that failed can"):
            await jobs.dead.replay(job_id)
    with pytest.raises(JobNotFound):
        await jobs.dead.replay("never")


async def test_a_request_that_no_longer_fits_is_refused_with_its_field(jobs: Client, board: Board) -> None:
    die(board, "a", request={"text": 7})
    for request in (None, {"text": 8}):
        with pytest.raises(InvalidRequest) as caught:
            await jobs.dead.replay("a", request=request)
        assert caught.value.field == "text"
    assert board.record("a").replayed_as is None


async def test_a_kind_that_nobody_knows_cannot_be_replayed(jobs: Client, board: Board) -> None:
    die(board, "a", kind="no.such")
    with pytest.raises(UnknownKind, match=r"no\.such"):
        await jobs.dead.replay("a")


async def test_a_message_that_was_rejected_needs_a_request(jobs: Client, board: Board) -> None:
    reject(board, "a")
    with pytest.raises(NotReplayable, match="there is no request to repeat; give one"):
        await jobs.dead.replay("a")
    job = await jobs.dead.replay("a", request={"text": "hi"})
    new = await jobs.get(job.id)
    assert (new.queue, new.priority, new.tenant, new.request) == ("agents", 5, "acme", {"text": "hi"})


async def test_many_are_replayed_the_oldest_first_and_one_that_is_refused_holds_up_nobody(
    jobs: Client, board: Board
) -> None:
    for job_id in ("a", "b", "c"):
        die(board, job_id)
    die(board, "other", code="else")
    die(board, "unknown", kind="no.such")
    replays = await jobs.dead.replay_many(code="broken")

    assert [replay.origin for replay in replays] == ["a", "b", "c", "unknown"]
    assert [replay.created for replay in replays] == [True, True, True, False]
    assert isinstance(replays[3].refused, UnknownKind)
    assert board.delivered()[-3:] == [replay.job_id for replay in replays[:3]]
    assert [record.id for record in await jobs.dead.list()] == ["unknown", "other"]


async def test_a_replay_goes_on_from_what_was_finished_or_does_it_again(
    on_fleet: Client, fleet: Fleet, tmp_path: Path
) -> None:
    flag = tmp_path / "done"
    failed = await on_fleet.submit("test.stepwise", {"n": 1, "flag": str(flag)})
    await eventually_async(lambda: fleet.board.state(failed.id) == "failed")
    assert await on_fleet.memory(failed.id) == [
        Remembered(
            type="step",
            key="first",
            outcome="done",
            effect="idempotent",
            seconds=(await on_fleet.memory(failed.id))[0].seconds,
        )
    ]
    (tmp_path / "done.mended").touch()
    resumed = await on_fleet.dead.replay(failed.id)
    assert await on_fleet.result(resumed.id, PATIENCE_S) == {"value": ["first", "second"]}
    assert flag.read_text().split() == ["first", "second"]


async def test_a_replay_from_the_start_does_every_step_again(on_fleet: Client, fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "done"
    failed = await on_fleet.submit("test.stepwise", {"n": 1, "flag": str(flag)})
    await eventually_async(lambda: fleet.board.state(failed.id) == "failed")
    (tmp_path / "done.mended").touch()
    anew = await on_fleet.dead.replay(failed.id, resume=False)
    assert await on_fleet.result(anew.id, PATIENCE_S) == {"value": ["first", "second"]}
    assert flag.read_text().split() == ["first", "first", "second"]


# Forgetting


async def test_dropped_dead_letters_are_gone_and_other_jobs_are_left_alone(jobs: Client, board: Board) -> None:
    for job_id in ("a", "b", "c"):
        die(board, job_id)
    board.submit("waits")
    assert await jobs.dead.drop(["a", "b", "waits", "never"]) == 2
    assert [record.id for record in await jobs.dead.list()] == ["c"]
    assert board.state("waits") is JobState.QUEUED
    with pytest.raises(JobNotFound):
        await jobs.get("a")
    assert leaks(board.client, board.settings.prefix) == []


async def test_thousands_are_dropped_in_several_calls(jobs: Client, board: Board) -> None:
    ids = board.submit_many(500)
    for job_id in ids:
        board.fail(board.start(job_id))
    assert await jobs.dead.drop(ids) == 500
    assert await jobs.dead.drop([]) == 0


# What a job remembers


async def test_a_job_tells_what_it_remembers_and_no_value_of_it(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    entries = {
        "step:read": ({"state": "done", "value": "secret"}, {"key": "read", "effect": "pure", "seconds": 0.5}),
        "step:charge": ({"state": "started", "attempt": 1}, None),
        "ask:refund": ({"state": "done", "value": {"decision": "approve", "by": "kim"}}, None),
        "ask:words": ({"state": "done", "value": {"value": "secret"}}, None),
        "call:one": ({"state": "done", "value": {"job_id": "b", "state": "failed"}}, None),
    }
    for name, (entry, event) in entries.items():
        board.run(board.transitions.remember(claim, name, to_json(entry), to_json(event) if event else b""))
    assert await jobs.memory("a") == [
        Remembered(type="step", key="read", outcome="done", effect="pure", seconds=0.5),
        Remembered(type="ask", key="refund", outcome="approve", by="kim"),
        Remembered(type="ask", key="words", outcome="answered"),
        Remembered(type="call", key="one", outcome="failed", job_id="b"),
        Remembered(type="step", key="charge", outcome="unknown", effect="unsafe"),
    ]
    with pytest.raises(JobNotFound):
        await jobs.memory("never")


async def test_a_job_that_succeeded_still_tells_what_it_has_done(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    event = {"key": "refund", "effect": "unsafe", "seconds": 0.5}
    board.run(board.transitions.remember(claim, "step:refund", b'{"state":"done","value":"secret"}', to_json(event)))
    board.call(claim, "audit", "child")
    board.succeed(board.start("child"))
    board.wait(claim, question("sure"))
    board.answer("a", "sure", by="kim")
    board.succeed(board.start("a"))
    assert board.ledger("a") == {}
    assert await jobs.memory("a") == [
        Remembered(type="step", key="refund", outcome="done", effect="unsafe", seconds=0.5),
        Remembered(type="ask", key="sure", outcome="answered", by="kim"),
        Remembered(type="call", key="audit", outcome="succeeded", job_id="child"),
    ]


async def test_a_job_names_the_jobs_that_it_called(on_fleet: Client) -> None:
    job = await on_fleet.submit("test.parent", {})
    assert await on_fleet.result(job.id, PATIENCE_S) == {"value": ["succeeded"]}
    (child,) = await on_fleet.children(job.id)
    assert (await on_fleet.get(child)).parent == job.id
    assert await on_fleet.children(child) == []
