"""Jobs that take several slots: what is delivered for the slots that there are, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, islice, repeat
from typing import Any

import pytest
from pydantic_core import from_json

from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import Claim, HandedOver, JobState
from backdesk.worker.store.calls import text
from tests.support.board import Board, Clock
from tests.support.upkeep import leaks

LARGE = "test.large"


def announce(board: Board, agents: int, slots: int = 3, **facts: object) -> None:
    """Announce a worker with so many slots, and a kind whose jobs take several of them."""
    contract = KindContract(kind=LARGE, queue="agents", slots=slots).model_dump_json()
    said = {"slots": {"agents": agents}, "kinds": [LARGE, "test.echo"], **facts}
    board.run(board.transitions.announce("worker-1", 60_000, said, {LARGE: contract}))


def surplus(board: Board) -> Any:
    return board.client.hget(board.keys.flow, "surplus agents")


def delivered(board: Board) -> int:
    return board.client.zcard(board.keys.window("agents"))


def handed_out(board: Board) -> list[str]:
    """The jobs that are delivered and not begun."""
    members: list[Any] = board.client.zrange(board.keys.window("agents"), 0, -1)
    return [*map(text, members)]


def test_deliveries_count_for_as_many_slots_as_their_jobs_take(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    announce(board, agents=9)
    board.submit_many(10, kind=LARGE)
    assert delivered(board) == 4, "three for the slots, and one ahead"


def test_jobs_that_take_one_slot_fill_what_is_left(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    announce(board, agents=9)
    board.submit_many(2, kind=LARGE)
    board.submit_many(10)
    assert delivered(board) == 2 + 4, "three slots are left, and one is ahead"


def test_what_they_take_is_free_again_when_they_have_ended(board: Board) -> None:
    announce(board, agents=9)
    for job_id in board.submit_many(3, kind=LARGE):
        board.succeed(board.start(job_id))
    assert surplus(board) is None
    assert board.client.hget(board.keys.flow, f"slots {LARGE}") == b"3"
    assert leaks(board.client, board.settings.prefix) == []


@pytest.mark.parametrize("said", [{"kind": LARGE}, {"slots": 3}], ids=["of the kind", "of the job"])
def test_it_is_free_when_they_are_withdrawn_handed_over_or_lost(board: Board, said: dict[str, Any]) -> None:
    announce(board, agents=9)
    in_line, withdrawn, handed_over, lost = board.submit_many(4, **said)
    for job_id in (in_line, withdrawn):
        board.cancel(job_id)
    board.finish(board.start(handed_over), HandedOver())
    board.start(lost)
    board.lose(lost)
    assert leaks(board.client, board.settings.prefix) == []
    for job_id in (handed_over, lost):
        board.succeed(board.start(job_id))
    assert surplus(board) is None
    assert board.client.hget(board.keys.flow, "queue agents") is None


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3), (2, 5)])
def test_a_kind_that_takes_another_number_of_slots_leaves_no_wrong_count(board: Board, before: int, after: int) -> None:
    announce(board, agents=9, slots=before)
    board.submit_many(3, kind=LARGE)
    claim = board.start("job-1")
    announce(board, agents=9, slots=after)
    board.finish(claim, HandedOver())
    assert leaks(board.client, board.settings.prefix) == []
    for job_id in ("job-1", "job-2", "job-3"):
        board.succeed(board.start(job_id))
    assert surplus(board) is None
    assert leaks(board.client, board.settings.prefix) == []


def test_a_wrong_count_is_put_right(board: Board) -> None:
    announce(board, agents=9)
    board.submit_many(2, kind=LARGE)
    board.start("job-1")
    board.client.hset(board.keys.flow, "surplus agents", 17)
    begin = True
    while not board.run(board.transitions.recount(begin=begin)).over:
        begin = False
    assert surplus(board) == b"4"


# Slots that were said of a job


def test_what_was_said_of_a_job_takes_the_place_of_what_its_kind_takes(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    announce(board, agents=9)
    smaller, larger, usual = (board.submit(kind=LARGE, slots=slots) for slots in (1, 4, None))
    assert delivered(board) == 3
    assert [board.client.hget(board.keys.job(each), "taken") for each in (smaller, larger, usual)] == [None, b"4", b"3"]
    assert board.client.hget(board.keys.flow, "queue agents") == b"8"
    assert [board.record(each).slots for each in (smaller, larger, usual)] == [1, 4, None]
    assert leaks(board.client, board.settings.prefix) == []


def test_its_delivery_says_how_many_slots_it_takes(board: Board) -> None:
    board.submit("a", slots=3)
    board.submit("b")
    headers = [from_json(message)["headers"] for message in board.client.lrange(board.keys.deliveries("agents"), 0, -1)]
    assert {each["id"]: each.get("slots") for each in headers} == {"a": 3, "b": None}


def test_jobs_of_different_slots_are_one_line_in_the_order_of_their_arrival(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    announce(board, agents=1)
    board.run(board.transitions.configure("queue agents", "~ 0 ~ ~"))
    ids = [board.submit(kind="test.echo", slots=slots) for slots in (1, None, 2, None, 1)]
    board.run(board.transitions.configure("queue agents", "~ ~ ~ ~"))
    assert [board.run_next() for _ in ids] == ids


def test_one_that_no_worker_has_the_slots_for_stands_aside_until_one_has(board: Board) -> None:
    announce(board, agents=9, kinds=["test.echo"])
    job_id = board.submit(slots=12)
    assert board.run(board.transitions.redeliver(job_id, unknown_kind=True))
    assert delivered(board) == 0
    assert board.record(job_id).stranded == "test.echo*12"
    announce(board, agents=11, kinds=["test.echo"])
    assert delivered(board) == 0
    announce(board, agents=12, kinds=["test.echo"])
    assert delivered(board) == 1
    assert leaks(board.client, board.settings.prefix) == []


# Caps


def test_a_cap_counts_slots(board: Board) -> None:
    board.run(board.transitions.configure(f"kind {LARGE}", "~ 7 ~ ~"))
    announce(board, agents=90)
    board.submit_many(5, kind=LARGE)
    assert delivered(board) == 2


SCOPES = ["queue agents", "tenant acme", "kind test.echo", "tenant acme kind test.echo"]


@pytest.mark.parametrize("scope", SCOPES)
def test_one_that_takes_more_than_the_whole_cap_begins_when_nothing_else_of_it_runs(board: Board, scope: str) -> None:
    board.run(board.transitions.configure(scope, "~ 2 ~ ~ {}"))
    announce(board, agents=90)
    small = board.start(board.submit())
    large = board.submit(slots=5)
    after = board.submit()
    assert handed_out(board) == []
    board.succeed(small)
    assert handed_out(board) == [large]
    board.succeed(board.start(large))
    assert handed_out(board) == [after]


def overtakers(board: Board, large: str, running: list[Claim], tenants: Iterable[str]) -> list[str]:
    """What begins before a large job, while one after the other ends, and new small ones come all the time."""
    began: list[str] = []
    for tenant in islice(tenants, 20):
        board.submit(tenant=tenant)
        board.succeed(running.pop(0))
        for job_id in handed_out(board):
            if job_id == large:
                return began
            running.append(board.start(job_id))
            began.append(job_id)
    pytest.fail(f"{began} began, and {large} did not")


@pytest.mark.parametrize("scope", SCOPES)
def test_under_a_cap_small_jobs_do_not_overtake_a_large_one_for_ever(board: Board, scope: str) -> None:
    board.run(board.transitions.configure(scope, "~ 4 ~ ~ {}"))
    announce(board, agents=90)
    running = [board.start(board.submit()) for _ in range(4)]
    large = board.submit(slots=4)
    assert len(overtakers(board, large, running, repeat("acme"))) <= 2


def test_under_the_cap_of_a_kind_those_of_other_tenants_do_not_either(board: Board) -> None:
    board.run(board.transitions.configure("kind test.echo", "~ 4 ~ ~"))
    announce(board, agents=90)
    running = [board.start(board.submit()) for _ in range(4)]
    large = board.submit(slots=4, tenant="wide")
    assert len(overtakers(board, large, running, (f"a{number}" for number in count()))) <= 4


def test_what_is_kept_for_one_that_is_cancelled_is_free_at_the_next_look(board: Board, clock: Clock) -> None:
    board.run(board.transitions.configure("kind test.echo", "~ 3 ~ ~"))
    announce(board, agents=90)
    running = [board.start(board.submit()) for _ in range(3)]
    large = board.submit(slots=3, tenant="wide")
    board.succeed(running[0])
    small = board.submit(tenant="globex")
    assert handed_out(board) == []
    board.cancel(large)
    for _ in range(3):
        clock.advance(2)
        board.run(board.transitions.resume())
    assert handed_out(board) == [small]


# What workers have in hand


def test_a_worker_that_gathers_slots_leaves_others_what_they_have(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    for name in ("worker-1", "worker-2", "worker-3"):
        board.announce(name, agents=2)
    running = [board.start(board.submit()) for _ in range(4)]
    large = board.submit_many(2, slots=2)
    for job_id in large:
        assert job_id in handed_out(board)
    said: dict[str, Any] = {"slots": {"agents": 2}, "lacking": 1}
    for name, job_id in zip(("worker-1", "worker-2"), large, strict=True):
        board.run(board.transitions.announce(name, 6000, said | {"gathering": [job_id]}))
    waiting = board.submit_many(3)
    board.succeed(running[0])
    assert len({*handed_out(board)} & {*waiting}) >= 1


def test_what_it_lacks_is_forgotten_with_it_and_put_right(board: Board, clock: Clock) -> None:
    board.run(board.transitions.announce("worker-1", 6000, {"slots": {"agents": 2}, "lacking": 5}))
    assert board.client.hget(board.keys.flow, "lacking agents") == b"5"
    board.client.hset(board.keys.flow, "lacking agents", 17)
    assert board.run(board.transitions.muster()) == 1
    assert board.client.hget(board.keys.flow, "lacking agents") == b"5"
    clock.advance(7)
    board.announce("worker-2", agents=1)
    assert board.client.hget(board.keys.flow, "lacking agents") is None


def test_a_worker_hears_what_it_has_in_hand_for_nothing(board: Board) -> None:
    announce(board, agents=9)
    kept, cancelled = board.submit_many(2, slots=2)
    board.cancel(cancelled)
    said = {"slots": {"agents": 9}, "gathering": [kept, cancelled, "unknown"]}
    heard = board.run(board.transitions.announce("worker-1", 6000, said))
    assert heard.withdrawn == [cancelled, "unknown"]


def test_a_tenant_pays_for_all_the_slots_that_its_jobs_take(board: Board, clock: Clock) -> None:
    announce(board, agents=9)
    for tenant, kind in (("light", "test.echo"), ("heavy", LARGE)):
        claim = board.start(board.submit(tenant=tenant, kind=kind))
        clock.advance(10)
        assert board.run(board.transitions.renew([(claim.job_id, claim.fence)])) == [0]
        clock.advance(10)
        board.succeed(claim)
    left: dict[Any, float] = dict(board.client.zrange(board.keys.departed("agents"), 0, -1, withscores=True))  # type: ignore[arg-type]  # with scores it gives pairs
    assert left[b"heavy"] - left.get(b"light", 0) == pytest.approx(40, abs=0.1)


def test_what_a_worker_has_in_hand_until_it_has_the_slots_is_not_taken_for_lost(board: Board, clock: Clock) -> None:
    announce(board, agents=9)
    board.submit("a", kind=LARGE)
    assert board.take_delivery() == "a"
    for _ in range(5):
        clock.advance(board.settings.redispatch_after_s * 0.6)
        announce(board, agents=9, gathering=["a", "unknown"])
        assert board.run(board.transitions.redispatch("agents")) == 0
    clock.advance(board.settings.redispatch_after_s)
    assert board.run(board.transitions.redispatch("agents")) == 1
    board.cancel("a")
    announce(board, agents=9, gathering=["a"])
    assert (board.state("a"), delivered(board)) == (JobState.CANCELLED, 0)
