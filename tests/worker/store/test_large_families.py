"""Large families and conversations: what ends with a job is bounded in one script, and the leader carries it on."""

from __future__ import annotations

from typing import Any

import redis

from backdesk.worker.model.job import Claim, JobState, Refused
from backdesk.worker.store.jobs import SubmitCode
from tests.support.board import Board, end_of, question

#: Jobs that one script looks at to cancel them with another, and the most that it may come to; as in ending.lua.
AT_ONCE, MOST = 200, 260


def family(board: Board, children: int, parent: str = "parent") -> Claim:
    """A running job that has called many others."""
    claim = board.start(board.submit(parent))
    jobs = [
        board.job(f"{parent}-{number}", parent=parent, parent_fence=claim.fence, parent_key=f"call:{number}")
        for number in range(children)
    ]
    assert {code for code, _ in board.run(board.transitions.submit(jobs))} == {SubmitCode.CREATED}
    return claim


def cancelled(board: Board) -> int:
    return int(board.client.zcard(board.keys.state(JobState.CANCELLED)))


def disband(board: Board) -> list[int]:
    """How many jobs each call of the leader has cancelled, until nothing is left to do."""
    counts, more = [], True
    while more:
        before = cancelled(board)
        more = board.run(board.transitions.disband())
        counts.append(cancelled(board) - before)
    return counts


def swept(board: Board) -> list[Any]:
    """What the sweep takes for wrong, in a whole round."""
    return [repair for _ in range(8) for repair in board.run(board.transitions.sweep())]


def talk(board: Board, count: int) -> list[str]:
    jobs = [board.job(f"turn-{number}", conversation="chat") for number in range(count)]
    return [found for _, found in board.run(board.transitions.submit(jobs))]


# Families


def test_children_of_a_job_that_ends_are_cancelled_in_portions(board: Board) -> None:
    claim = family(board, 700)
    assert board.fail(claim)
    assert AT_ONCE <= cancelled(board) <= MOST
    counts = disband(board)
    assert max(counts) <= MOST
    assert cancelled(board) == 700
    assert not board.client.exists(board.keys.orphaned)


def test_no_child_begins_meanwhile(board: Board) -> None:
    """Neither one that was delivered, nor one that has its turn now."""
    claim = family(board, 300)
    board.fail(claim)
    left = [f"parent-{number}" for number in range(300) if board.state(f"parent-{number}") is JobState.QUEUED]
    assert left
    while job_id := board.take_delivery():
        assert isinstance(board.claim(job_id), Refused)
    assert cancelled(board) == 300


def test_what_one_leader_has_left_another_one_does(board: Board) -> None:
    board.fail(family(board, 500))
    call = board.transitions.disband()
    assert board.run(call)
    board.run(call)  # as after a lost answer
    disband(board)
    assert cancelled(board) == 500


def test_a_dead_letter_whose_children_are_being_cancelled_is_not_dropped_yet(board: Board) -> None:
    board.fail(family(board, 300))
    assert board.run(board.transitions.drop(["parent"])) == 0
    disband(board)
    assert board.run(board.transitions.drop(["parent"])) == 1
    assert cancelled(board) == 300


def test_children_of_children_are_cancelled_too(board: Board) -> None:
    claim = family(board, 150)
    middle = board.start("parent-7")
    for number in range(150):
        board.call(middle, str(number), f"leaf-{number}")
    board.wait(middle, end_of("1"))
    board.fail(claim)
    assert cancelled(board) <= MOST
    assert max(disband(board)) <= MOST
    assert cancelled(board) == 300


def test_a_child_that_runs_is_asked_to_stop_by_the_leader(board: Board) -> None:
    claim = family(board, 450)
    board.announce(agents=450)
    running = [board.start(job_id) for job_id in board.delivered()[1:4]]
    board.fail(claim)
    disband(board)
    assert board.client.hlen(board.keys.stopping) == len(running)
    assert cancelled(board) == 450 - len(running)


def test_children_of_a_job_that_has_succeeded_go_on(board: Board) -> None:
    board.succeed(family(board, 3))
    assert not board.run(board.transitions.disband())
    assert isinstance(board.claim("parent-0"), Claim)


def test_many_parents_that_end_together_share_what_one_script_does(board: Board) -> None:
    board.announce(ttl_s=1e6, agents=1000)
    for parent in ("a", "b", "c"):
        board.wait(family(board, 120, parent), question())
    for parent in ("a", "b", "c"):
        board.client.zadd(board.keys.expiring, {parent: 0})
        board.client.hset(board.keys.job(parent), "expires_at", board.clock() - 1)
    board.expire()
    assert cancelled(board) <= MOST
    disband(board)
    assert cancelled(board) == 360


def test_jobs_may_call_each_other_thirty_two_levels_deep(board: Board) -> None:
    claim = board.start(board.submit("level-1"))
    for level in range(2, 33):
        assert board.call(claim, "on", f"level-{level}")[0] is SubmitCode.CREATED
        claim = board.start(f"level-{level}")
    assert board.call(claim, "on", "level-33") == (SubmitCode.TOO_DEEP, "32")
    assert board.find("level-33") is None
    board.cancel("level-1")


def test_the_event_of_a_wait_tells_some_of_many_jobs_and_whom_to_ask(board: Board, client: redis.Redis) -> None:
    claim = family(board, 60)
    board.wait(claim, *(end_of(str(number)) for number in range(60)), question())
    (event,) = [event for event in board.events("parent") if event.type == "waiting"]
    assert [ask["type"] for ask in event.data["for"]] == ["child"] * 20 + ["question"]
    assert event.data["more"] == 40
    assert len(board.record("parent").asks) == 61


# Conversations


def test_a_long_conversation_is_interrupted_in_portions(board: Board) -> None:
    talk(board, 700)
    board.submit("newest", conversation="chat", when_busy="interrupt")
    assert cancelled(board) == AT_ONCE
    assert board.take_delivery() == "turn-0"
    assert board.take_delivery() is None, "none of those that are about to be cancelled has its turn"
    assert max(disband(board)) <= AT_ONCE
    assert cancelled(board) == 700
    assert board.take_delivery() == "newest"
    assert not board.client.exists(board.keys.interrupted)


def test_one_that_runs_ends_before_the_newest_begins(board: Board) -> None:
    talk(board, 300)
    running = board.start("turn-0")
    board.submit("newest", conversation="chat", when_busy="interrupt")
    disband(board)
    assert board.delivered() == ["turn-0"]
    assert board.client.hexists(board.keys.stopping, "turn-0")
    board.fail(running)
    assert board.delivered() == ["turn-0", "newest"]


def test_one_that_ends_while_others_are_still_to_be_cancelled_gives_none_of_them_its_turn(board: Board) -> None:
    talk(board, 300)
    running = board.start("turn-0")
    board.submit("newest", conversation="chat", when_busy="interrupt")
    board.fail(running)
    assert board.delivered() == ["turn-0"]
    assert swept(board) == []
    disband(board)
    assert board.delivered() == ["turn-0", "newest"]


def test_a_second_interruption_takes_the_first_one_along(board: Board) -> None:
    talk(board, 300)
    board.submit("newer", conversation="chat", when_busy="interrupt")
    board.submit("newest", conversation="chat", when_busy="interrupt")
    board.submit("after", conversation="chat")
    disband(board)
    assert cancelled(board) == 301
    assert board.delivered() == ["turn-0", "newest"]
    board.succeed(board.start("newest"))
    assert board.delivered()[-1] == "after"
