"""The sweep: whatever a script that was ended amid its writes has left of a job, the job goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
import redis

from backdesk.worker.model.asks import Ask, AskType, Awaited
from backdesk.worker.model.job import Claim, JobState
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.upkeep import BATCH
from tests.support.board import Board, Clock, question
from tests.support.upkeep import leaks

ROUND = 5


def sweep(board: Board) -> list[tuple[str, str]]:
    """One whole round over the states."""
    return [each for _ in range(ROUND) for each in board.run(board.transitions.sweep())]


def mended(board: Board, *expected: tuple[str, str]) -> None:
    assert sweep(board) == list(expected)
    assert leaks(board.client, board.settings.prefix) == []
    assert sweep(board) == []


def in_line(board: Board, job_id: str = "a", **fields: object) -> str:
    """A queued job that is not delivered: the window is full of others."""
    if not board.client.exists(board.keys.slots):
        board.announce(agents=0)
        board.submit_many(board.settings.idle_window, tenant="others")
    return board.submit(job_id, **fields)


# What is put in its place again


def test_a_queued_job_in_no_line_stands_in_line_again(board: Board) -> None:
    in_line(board)
    board.client.delete(board.keys.line("agents", "acme", "test.echo"), board.keys.ready("agents", "acme"))
    mended(board, ("queued in no place", "a"))


def test_a_delivered_job_that_is_not_in_the_window_is_delivered_again(board: Board) -> None:
    board.submit("a")
    board.client.delete(board.keys.window("agents"), board.keys.deliveries("agents"), board.keys.flow)
    mended(board, ("queued in no place", "a"))
    assert board.run_next() == "a"


@pytest.mark.parametrize("lost", ["ready", "lane"])
def test_a_line_that_dispatch_does_not_know_is_found(board: Board, lost: str) -> None:
    in_line(board)
    keys = {"ready": board.keys.ready("agents", "acme"), "lane": board.keys.lane("agents")}
    board.client.zrem(keys[lost], "test.echo", "acme")
    mended(board, ("line that dispatch did not know", "a"))


@pytest.mark.parametrize("lost", ["held_by", "limited"])
def test_a_line_that_its_limit_does_not_know_is_let_go(board: Board, lost: str) -> None:
    board.run(board.transitions.configure("tenant acme", "~ 0 ~ ~ {}"))
    board.submit("a")
    board.client.delete(board.keys.held_by("tenant acme") if lost == "held_by" else board.keys.limited)
    assert sweep(board) == [("held by a limit that does not know it", "a")]
    assert leaks(board.client, board.settings.prefix) == []


def test_a_job_behind_one_that_is_gone_has_its_turn_in_the_conversation(board: Board) -> None:
    board.submit("a", conversation="x")
    board.submit("b", conversation="x")
    for name in (board.keys.job("a"), board.keys.events("a")):
        board.client.delete(name)
    board.client.zrem(board.keys.window("agents"), "a")
    for index in ("tenant-jobs:acme", "jobs-of-kind:test.echo:queued"):
        board.client.zrem(f"{board.settings.prefix}:{index}", "a")
    board.client.delete(board.keys.flow)
    mended(
        board,
        ("listed in a state that it is not in", "a"),
        ("in its conversation though it has ended", "a"),
        ("queued in no place", "b"),
    )
    assert board.delivered() == ["a", "b"], "the first is refused when it is claimed"


def test_a_running_job_without_a_lease_is_taken_back_unless_its_worker_lives(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("a"))
    board.start(board.submit("b"))
    board.client.delete(board.keys.leases)
    mended(board, ("running without a lease", "a"), ("running without a lease", "b"))
    board.run(board.transitions.renew([("a", claim.fence)]))
    clock.advance(board.settings.lease_s / 2)
    board.run(board.transitions.renew([("a", claim.fence)]))
    clock.advance(board.settings.lease_s / 2)
    assert board.reap() == ["b"]


def test_a_parked_job_that_is_never_due_is_due_at_its_time(board: Board, clock: Clock) -> None:
    board.retry(board.start(board.submit("a")), delay_s=5)
    board.client.delete(board.keys.due)
    mended(board, ("scheduled and never due", "a"))
    clock.advance(4)
    board.promote()
    assert board.state("a") is JobState.SCHEDULED
    clock.advance(1)
    board.promote()
    assert board.state("a") is JobState.QUEUED


def test_a_job_that_waits_for_nothing_goes_on(board: Board) -> None:
    board.wait(board.start(board.submit("a")), question())
    board.client.delete(board.keys.awaiting("a"))
    mended(board, ("waiting for nothing", "a"), ("asked of people though nobody waits for it", "a"))
    assert board.state("a") is JobState.QUEUED


def test_a_question_whose_time_is_not_watched_ends_in_time(board: Board, clock: Clock) -> None:
    board.wait(board.start(board.submit("a")), question(within_s=5))
    board.client.delete(board.keys.due)
    mended(board, ("waiting beyond its time", "a"))
    clock.advance(5)
    board.promote()
    assert board.state("a") is JobState.QUEUED


def waiting_for_child(board: Board) -> Claim:
    claim = board.start(board.submit("a"))
    board.call(claim, "one", "child")
    ask = Ask(type=AskType.CHILD, name="call:one", facts={"job_id": "child"})
    board.wait(claim, Awaited(ask, "call:one"))
    return board.start("child")


def test_a_parent_that_was_not_told_of_its_childs_end_is_told(board: Board) -> None:
    child = waiting_for_child(board)
    awaiting = board.client.hgetall(board.keys.awaiting("a"))
    board.succeed(child, result={"n": 7})
    told = board.ledger("a")
    board.client.delete(board.keys.window("agents"), board.keys.deliveries("agents"), board.keys.ledger("a"))
    board.client.hset(board.keys.awaiting("a"), mapping=awaiting)  # type: ignore[arg-type]  # bytes are as good
    board.client.hset(board.keys.job("a"), "state", "waiting")
    board.client.zrem(board.keys.state("queued"), "a")
    board.client.zadd(board.keys.state("waiting"), {"a": 1})
    board.client.delete(board.keys.flow)
    unlisted = ("missing among the jobs of its kind and tenant", "a")
    mended(board, unlisted, ("waiting for a job that has ended", "a"))
    assert (board.state("a"), board.ledger("a")) == (JobState.QUEUED, told)


def test_a_parent_whose_child_is_gone_is_told_of_a_failure(board: Board) -> None:
    waiting_for_child(board)
    board.client.delete(board.keys.job("child"))
    assert ("waiting for a job that has ended", "a") in sweep(board)
    value = board.ledger("a")["call:one"]["value"]
    assert (value["state"], value["error"]["code"]) == ("failed", "lost")
    board.client.flushall()  # what a record leaves that somebody has deleted is no matter of the sweep


@pytest.mark.parametrize("lost", ["expiring", "tenant_jobs", "state"])
def test_a_job_that_is_missing_in_a_list_of_all_is_listed_again(board: Board, clock: Clock, lost: str) -> None:
    board.submit("a", expires_at_ms=clock() + 5000)
    lists = {"expiring": board.keys.expiring, "tenant_jobs": board.keys.tenant_jobs("acme")}
    if lost == "state":
        board.client.zadd(board.keys.state("running"), {"a": 1})
        board.client.zrem(board.keys.state("queued"), "a")
    else:
        board.client.zrem(lists[lost], "a")
    assert [job_id for _, job_id in sweep(board)] == ["a"]
    assert leaks(board.client, board.settings.prefix) == []


# What stands where it should not


def strangers(board: Board) -> dict[str, Callable[[], object]]:
    line = board.keys.line("agents", "acme", "test.echo")
    return {
        "line": lambda: board.client.zadd(line, {"stranger": 0}),
        "window": lambda: board.client.zadd(board.keys.window("agents"), {"stranger": 0}),
        "leases": lambda: board.client.zadd(board.keys.leases, {"stranger": 0}),
        "due": lambda: board.client.zadd(board.keys.due, {"stranger": 0}),
        "expiring": lambda: board.client.zadd(board.keys.expiring, {"stranger": 0}),
        "stranded": lambda: (
            board.client.sadd(board.keys.strandings, "test.echo"),
            board.client.zadd(board.keys.stranded("test.echo"), {"stranger": 0}),
        ),
        "state": lambda: board.client.zadd(board.keys.state("queued"), {"stranger": 0}),
    }


@pytest.mark.parametrize("state", ["", "succeeded"])
@pytest.mark.parametrize("place", ["line", "window", "leases", "due", "expiring", "stranded", "state"])
def test_what_is_no_job_of_a_place_leaves_it_and_holds_up_nobody(
    board: Board, clock: Clock, place: str, state: str
) -> None:
    if state:
        board.submit("stranger")
        board.run_next()
    in_line(board)
    strangers(board)[place]()
    clock.advance(board.settings.redispatch_after_s)
    board.announce(agents=20)
    board.run(board.transitions.announce("worker-1", 6000, {"slots": {"agents": 20}, "kinds": ["test.echo"]}))
    board.run(board.transitions.redispatch("agents"))
    board.promote()
    board.expire()
    board.reap()
    sweep(board)
    assert [each for each in leaks(board.client, board.settings.prefix) if "stranger" in each] == []
    ran = [board.run_next() for _ in range(board.settings.idle_window + 1)]
    assert "a" in ran
    assert "stranger" not in ran


# How it goes about it


def test_a_script_that_is_ended_amid_its_writes_loses_no_job(board: Board) -> None:
    in_line(board, "before")
    board.client.set(board.keys.line("agents", "globex", "test.echo"), "by hand")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        board.submit("a", tenant="globex")
    assert board.state("a") is JobState.QUEUED, "half of it is written"
    board.client.delete(board.keys.line("agents", "globex", "test.echo"))
    job = board.job("a", tenant="globex")
    assert board.run(board.transitions.submit([job])) == [(SubmitCode.EXISTING, "a")], "a repeat does not help it"
    mended(board, ("queued in no place", "a"))


@pytest.mark.parametrize("lost", ["asks", "tenant_asks"])
def test_what_is_asked_of_people_is_listed_again(board: Board, lost: str) -> None:
    board.wait(board.start(board.submit("a")), question(within_s=60))
    board.client.delete(board.keys.asks if lost == "asks" else board.keys.tenant_asks("acme"))
    mended(board, ("missing among what is asked of people", "a"))


@pytest.mark.parametrize("lost", ["kind", "tenant"])
def test_a_job_that_an_index_does_not_know_is_found(board: Board, lost: str) -> None:
    board.wait(board.start(board.submit("a")), question())
    keys = (board.keys.jobs_of_kind("test.echo", "waiting"), board.keys.jobs_of_tenant("acme", "waiting"))
    board.client.delete(keys[lost == "tenant"])
    mended(board, ("missing among the jobs of its kind and tenant", "a"))


def test_what_nobody_waits_for_is_not_listed_any_more(board: Board) -> None:
    board.submit("a")
    for place in (board.keys.asks, board.keys.tenant_asks("acme")):
        board.client.zadd(place, {"a sure": 1})
    mended(board, ("asked of people though nobody waits for it", "a"))


def test_a_call_looks_at_a_bounded_number_of_jobs_and_goes_on_there(board: Board) -> None:
    many = 5 * BATCH
    for _ in range(many // 100):
        board.submit_many(100)
    board.client.delete(board.keys.line("agents", "acme", "test.echo"), board.keys.ready("agents", "acme"))
    found: set[str] = set()
    for _ in range(100):
        repairs = board.run(board.transitions.sweep())
        assert len(repairs) <= 3 * BATCH
        found |= {job_id for _, job_id in repairs}
    assert len(found) == many - board.settings.idle_window
    assert board.client.zcard(board.keys.line("agents", "acme", "test.echo")) == many - board.settings.idle_window


def test_a_job_that_waits_for_very_many_is_looked_at_too(board: Board) -> None:
    board.wait(board.start(board.submit("a")), *(question(f"q{number}") for number in range(1001)))
    board.client.delete(board.keys.asks)
    assert sweep(board) == [("missing among what is asked of people", "a")] * 1001


def test_of_jobs_that_wait_for_many_each_has_its_turn(board: Board, clock: Clock) -> None:
    for job_id in ("a", "b", "c"):
        board.wait(board.start(board.submit(job_id)), *(question(f"q{number}") for number in range(600)))
    board.client.delete(board.keys.asks)
    found = set()
    for _ in range(12 * ROUND):
        found |= {job_id for _, job_id in board.run(board.transitions.sweep())}
        clock.advance(0.001)
    assert found == {"a", "b", "c"}


def test_a_record_that_is_none_does_not_hold_up_the_others(board: Board, clock: Clock) -> None:
    board.announce(agents=0)
    for job_id in ("a", "b", "c"):
        board.start(board.submit(job_id))
    board.client.delete(board.keys.leases)
    board.client.set(board.keys.job("b"), "by hand")
    found = set()
    for _ in range(3 * ROUND):
        with suppress(redis.ResponseError):
            board.run(board.transitions.sweep())
        clock.advance(0.001)
        found = set(board.client.zrange(board.keys.leases, 0, -1))
    assert found == {b"a", b"c"}
    board.client.flushall()


def test_repairs_are_counted(board: Board, clock: Clock) -> None:
    for job_id in ("a", "b"):
        board.start(board.submit(job_id))
    board.client.delete(board.keys.leases)
    sweep(board)
    kept = board.client.hgetall(board.keys.sweep)
    assert kept[b"repaired running without a lease"] == b"2"
    assert int(kept[b"repaired_at"]) == clock()
