"""Large fleets: what one script does is bounded, however much there is to do, and nothing is left undone."""

from __future__ import annotations

import redis

from backdesk.worker.model.tenancy import JobLimits, scope_of
from tests.support.board import Board

#: What one script delivers at most; the same as in dispatch.lua.
PICKS = 200


def pause(board: Board) -> None:
    board.run(board.transitions.configure(scope_of(queue="agents"), JobLimits(max_running=0).policy))


def lift(board: Board) -> None:
    board.run(board.transitions.configure(scope_of(queue="agents"), ""))


def submit_of_many_tenants(board: Board, tenants: int) -> None:
    jobs = [board.job(tenant=f"t-{number}") for number in range(tenants)]
    for first in range(0, tenants, PICKS):
        board.run(board.transitions.submit(jobs[first : first + PICKS]))


def rounds_of_the_leader(board: Board) -> int:
    """Calls until nothing is left over, as the leader makes them one behind the other."""
    calls = 1
    while board.run(board.transitions.resume()):
        calls += 1
    return calls


def test_a_paused_queue_of_two_thousand_tenants_goes_on_in_bounded_steps(board: Board, client: redis.Redis) -> None:
    pause(board)
    for number in range(8):
        board.announce(f"worker-{number}", ttl_s=1e6, agents=200)
    submit_of_many_tenants(board, 2000)
    lift(board)
    assert client.llen("backdesk.agents") == PICKS
    assert rounds_of_the_leader(board) <= 2000 / PICKS
    assert len(set(board.delivered())) == 2000
    for _ in range(300):  # by claims and ends the counts, which the fixture checks, go down as they went up
        board.run_next()


def test_workers_that_appear_before_many_tenants_fill_their_slots(board: Board) -> None:
    submit_of_many_tenants(board, 1500)
    board.announce("worker-1", ttl_s=1e6, agents=700)
    rounds_of_the_leader(board)
    assert len(set(board.delivered())) >= 700
    assert board.announce("worker-1", ttl_s=1e6, agents=700) == 1


def test_without_the_leader_every_script_goes_on_with_what_the_one_before_has_left(board: Board) -> None:
    pause(board)
    board.announce(ttl_s=1e6, agents=700)
    submit_of_many_tenants(board, 500)
    lift(board)
    started = [board.take_delivery() for _ in range(2)]
    for job_id in started:
        assert job_id is not None
        board.start(job_id)
    assert len(board.delivered()) == 500 - len(started)


def test_a_cap_that_is_full_keeps_no_other_limit_from_being_looked_at_though_its_rate_has_room(board: Board) -> None:
    """Hundreds of such limits would always be due, and stand in front of the others."""
    limits = JobLimits(max_running=1, rate="1000/s").policy
    board.run(board.transitions.configure(scope_of(tenant="acme", kind="test.echo"), limits))
    board.announce(agents=4)
    board.submit_many(2)
    board.clock.advance(0.01)
    board.run(board.transitions.resume())
    time = board.client.zscore(board.keys.limited, "tenant acme kind test.echo")
    assert time is not None
    assert time > board.clock()
