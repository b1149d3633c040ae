"""What calls of outside services may do: how they are paced, held and counted, and what comes of mishaps."""

from __future__ import annotations

import pytest
from pydantic_core import from_json

from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import AskAgain, BreakerState, Granted, Resource, TooLarge, Went, Why
from tests.support.board import Board, Clock
from tests.support.listening import heard, listening
from tests.support.outside import MODEL, OTHER_KEY, Outside

HOUR_S = 3600.0


@pytest.fixture
def outside(board: Board) -> Outside:
    return Outside(board)


def begin_all(outside: Outside, clock: Clock, seconds: float, step_s: float = 0.1, **how: object) -> list[float]:
    """Ask for calls as fast as they are granted; gives when each begins, in seconds from now."""
    began, starts = clock.now_ms, []
    while clock.now_ms - began < seconds * 1000:
        reply = outside.reserve(**how)  # type: ignore[arg-type]  # the arguments of reserve
        if isinstance(reply, Granted):
            starts.append((clock.now_ms - began) / 1000 + reply.delay_s)
        else:
            clock.advance(step_s)
    return starts


def most_within_a_minute(starts: list[float]) -> int:
    starts = sorted(starts)
    return max(sum(1 for each in starts if first <= each < first + 60) for first in starts)


# Rates


def test_without_limits_a_call_begins_at_once_and_leaves_nothing(outside: Outside, board: Board) -> None:
    call = outside.call()
    assert outside.reserve(call, tokens=10) == Granted(0.0, free=True)
    outside.settle(call, used=8)
    assert board.client.keys("*") == []


def test_calls_are_spread_over_the_minute_from_the_first_on(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60)
    delays = [outside.granted() for _ in range(5)]
    assert delays[0] == 0
    assert delays[1:] == pytest.approx([0.72, 1.74, 2.76, 3.78], abs=0.01)


@pytest.mark.parametrize("limit", [7, 60, 600, pytest.param(3000, marks=pytest.mark.soak)])
def test_no_minute_has_more_requests_than_the_limit_and_almost_all_of_it_is_used(
    outside: Outside, clock: Clock, limit: int
) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=limit)
    clock.advance(HOUR_S)  # idle before: what was not used then is gone
    starts = begin_all(outside, clock, 130)
    assert most_within_a_minute(starts) <= limit
    assert sum(1 for each in starts if 60 <= each < 120) >= 0.95 * limit - 1


def test_a_call_that_would_begin_too_late_reserves_nothing_and_says_when_to_come_back(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=6)
    outside.granted()
    first, second = outside.denied(), outside.denied()
    assert first == second
    assert (first.why, first.line) == (Why.RATE, "openai/gpt-4o#3fa9c1d2")
    assert first.delay_s == pytest.approx(9.9, abs=0.1)


def test_a_reservation_asked_for_twice_is_one(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60, concurrent=5)
    outside.granted()
    call = outside.call()
    assert outside.granted(call) == outside.granted(call)
    assert outside.granted() == pytest.approx(1.74, abs=0.01)


def test_tokens_are_paced_by_what_calls_are_estimated_to_need(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000)
    assert outside.granted(tokens=200) == 0
    assert outside.granted(tokens=100) == pytest.approx(1.74, abs=0.01)
    assert outside.granted(tokens=100) == pytest.approx(2.76, abs=0.01)


def test_a_call_larger_than_a_minute_is_told_so(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000)
    assert outside.reserve(tokens=6001) == TooLarge(MODEL.bucket)
    assert outside.granted(tokens=6000) == 0


def test_each_key_has_the_limit_of_its_service_to_itself_and_a_limit_of_its_own_goes_before(
    outside: Outside, clock: Clock
) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=6)
    outside.granted()
    assert outside.granted(of=OTHER_KEY) == 0
    assert outside.granted(of=Resource("openai/gpt-4o")) == 0
    outside.limit("openai/gpt-4o#3fa9c1d2", requests_per_minute=600)
    clock.advance(10)
    assert [outside.granted() < 0.3 for _ in range(3)] == [True] * 3


def test_a_tenant_has_its_own_limit_or_that_of_every_tenant(outside: Outside) -> None:
    outside.limit("tenant *", requests_per_minute=6)
    outside.limit("tenant globex", requests_per_minute=60)
    outside.granted(tenant="acme")
    assert outside.denied(tenant="acme").line == "tenant acme"
    assert outside.granted(tenant="initech") == 0
    outside.granted(tenant="globex")
    assert outside.granted(tenant="globex", of=OTHER_KEY) == pytest.approx(0.72, abs=0.01)


def test_a_tenants_limit_at_one_service_leaves_it_the_others(outside: Outside) -> None:
    outside.limit("openai/gpt-4o tenant acme", requests_per_minute=6)
    outside.granted()
    assert outside.denied().line == "openai/gpt-4o#3fa9c1d2 tenant acme"
    assert outside.granted(of=Resource("openai/gpt-4o-mini", "3fa9c1d2")) == 0


def test_a_call_denied_by_one_limit_takes_nothing_of_another(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60, concurrent=3)
    outside.limit("tenant acme", requests_per_minute=6)
    outside.granted()
    for _ in range(5):
        outside.denied()
    assert outside.granted(tenant="globex") == pytest.approx(0.72, abs=0.01)
    assert outside.board.client.zcard(outside.board.keys.calls(MODEL.bucket)) == 2


def test_a_tenant_that_waits_for_its_own_turn_keeps_nobody_else_waiting(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=600)
    outside.limit("tenant acme", requests_per_minute=15)
    outside.granted()
    assert outside.granted() == pytest.approx(3.78, abs=0.01)
    assert outside.granted(tenant="globex") < 0.1


def test_a_limit_that_is_changed_counts_from_the_next_reservation_on(outside: Outside, board: Board) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=6)
    outside.granted()
    outside.denied()
    outside.unlimit("openai/gpt-4o")
    assert outside.granted() == 0
    outside.limit("openai/gpt-4o", concurrent=1)
    assert outside.granted(outside.call(board.start(board.submit()))) == 0
    assert isinstance(outside.reserve(), AskAgain)


# True-up


def test_tokens_that_were_not_used_are_given_back(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000)
    call = outside.call()
    outside.granted(call, tokens=400)
    outside.settle(call, used=100)
    assert outside.granted(tokens=100) == pytest.approx(0.72, abs=0.01)


def test_tokens_used_beyond_the_estimate_are_made_up_for(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000)
    call = outside.call()
    outside.granted(call, tokens=100)
    outside.settle(call, used=300)
    assert outside.granted(tokens=100) == pytest.approx(2.76, abs=0.01)


def test_a_call_settled_twice_gives_back_once(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000)
    calls = [outside.call() for _ in range(2)]
    for call in calls:
        outside.granted(call, tokens=200)
    for _ in range(3):
        outside.settle(calls[0], used=100)
    assert outside.granted(tokens=100) == pytest.approx(2.76, abs=0.01)


def test_a_call_that_never_began_gives_back_all(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000, requests_per_minute=60, concurrent=1)
    call = outside.call()
    outside.granted(call, tokens=300)
    outside.settle(call, Went.UNUSED)
    assert outside.granted(tokens=300) == 0


def test_what_a_call_gives_back_after_a_minute_helps_nobody(outside: Outside, clock: Clock) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000)
    call = outside.call()
    outside.granted(call, tokens=6000)
    clock.advance(60.5)
    before = outside.granted(tokens=1)
    outside.settle(call, used=0)
    assert outside.granted(tokens=1) >= before


# Concurrency


def test_no_more_calls_are_under_way_than_there_are_seats(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", concurrent=2)
    claims = [outside.board.start(outside.board.submit()) for _ in range(3)]
    calls = [outside.call(claim) for claim in claims]
    outside.granted(calls[0])
    outside.granted(calls[1])
    assert isinstance(outside.reserve(calls[2]), AskAgain)
    outside.settle(calls[0])
    assert outside.granted(calls[2]) == 0


def test_who_has_asked_for_long_is_parked_until_a_seat_is_free(outside: Outside, board: Board) -> None:
    outside.limit("openai/gpt-4o", concurrent=1)
    holder = board.start(board.submit())
    call = outside.call(holder)
    outside.granted(call)
    parked = outside.parked(wait_s=0.1)
    outside.settle(call)
    assert outside.release() == 1
    board.promote()
    assert board.state(parked) is JobState.QUEUED


@pytest.mark.parametrize("ends", ["lost", "succeeds"])
def test_the_seat_of_an_attempt_that_is_gone_is_free_again(
    outside: Outside, board: Board, clock: Clock, ends: str
) -> None:
    outside.limit("openai/gpt-4o", concurrent=1)
    claim = board.start(board.submit())
    outside.granted(outside.call(claim))
    assert isinstance(outside.reserve(), AskAgain)
    if ends == "lost":
        board.lose(claim.job_id)
    else:
        board.succeed(claim)
        clock.advance(1)
    assert outside.granted() == 0


def test_whether_holders_live_is_looked_at_once_a_second(outside: Outside, board: Board, clock: Clock) -> None:
    outside.limit("openai/gpt-4o", concurrent=1)
    claim = board.start(board.submit())
    outside.granted(outside.call(claim))
    outside.reserve()
    board.succeed(claim)
    clock.advance(0.9)
    assert isinstance(outside.reserve(), AskAgain)
    clock.advance(0.1)
    assert outside.granted() == 0


# Holds


def test_a_service_that_wants_a_pause_gets_it_from_everybody_with_the_same_key(outside: Outside, clock: Clock) -> None:
    outside.settle(outside.call(), Went.LIMITED, hold_s=30)
    held = outside.denied()
    assert (held.why, held.delay_s) == (Why.HOLD, 30)
    assert outside.granted(of=OTHER_KEY) == 0
    clock.advance(26)
    assert outside.granted() == 4


def test_a_shorter_pause_does_not_end_a_longer_one_and_none_is_longer_than_an_hour(outside: Outside) -> None:
    outside.settle(outside.call(), Went.LIMITED, hold_s=10 * HOUR_S)
    outside.settle(outside.call(), Went.LIMITED, hold_s=1)
    assert outside.denied().delay_s == HOUR_S


def test_after_a_pause_calls_begin_one_by_one_and_jobs_come_back_as_fast(outside: Outside, clock: Clock) -> None:
    outside.settle(outside.call(), Went.LIMITED, hold_s=10)
    for _ in range(120):
        outside.parked()
    clock.advance(4)
    assert outside.release() == 0
    clock.advance(5)
    assert outside.release() == 81  # 4 s after the end of the pause, at 20 a second
    delays = [outside.granted() for _ in range(3)]
    assert delays == pytest.approx([1, 1.05, 1.1])
    clock.advance(7)
    assert outside.granted() == 0


# The clock


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_blocks_nothing_and_lets_no_more_than_a_burst_through(
    outside: Outside, clock: Clock, hours: int
) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=600)
    before = begin_all(outside, clock, 20)
    clock.advance(hours * HOUR_S)
    outside.settle(outside.call(), used=5)
    after = begin_all(outside, clock, 60)
    assert after[0] <= 5.2
    # As they begin on a clock that does not jump: those that were reserved ahead begin after the jump.
    every = [*before, *(20 + each for each in after)]
    assert most_within_a_minute(every) <= 600 + (50 if hours > 0 else 0)
    assert len(after) >= 0.95 * 600


def test_a_clock_that_is_put_back_does_not_prolong_a_pause(outside: Outside, clock: Clock) -> None:
    outside.settle(outside.call(), Went.LIMITED, hold_s=30)
    clock.advance(-HOUR_S)
    assert outside.denied().delay_s == 30
    clock.advance(30)
    assert outside.granted() == 0


def test_a_clock_that_is_put_back_does_not_prolong_an_open_breaker(outside: Outside, clock: Clock) -> None:
    outside.fail(5)
    clock.advance(-HOUR_S)
    assert outside.denied(wait_s=1).delay_s == 2
    clock.advance(1)
    assert outside.reserve(outside.call(), wait_s=1) == Granted(1, probe=True)


# Those who wait


def test_jobs_are_let_go_on_as_there_is_room_the_longest_parked_first(
    outside: Outside, board: Board, clock: Clock
) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60)
    while isinstance(outside.reserve(), Granted):
        pass
    parked = []
    for _ in range(12):
        parked.append(outside.parked())
        clock.advance(0.01)
    assert outside.release() == 0
    clock.advance(3)
    woken = outside.release()
    assert 2 <= woken <= 4
    board.promote()
    assert [board.state(each) for each in parked[: woken + 1]] == [JobState.QUEUED] * woken + [JobState.SCHEDULED]


def test_jobs_that_were_let_go_on_have_half_of_what_can_be_reserved_to_themselves(
    outside: Outside, board: Board, clock: Clock
) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60)
    while isinstance(outside.reserve(), Granted):
        pass
    parked = [outside.parked() for _ in range(6)]
    clock.advance(2)
    assert outside.denied().why is Why.RATE, "a newcomer may not use the last half while others are held"
    assert outside.release() == 2
    board.promote()
    woken = outside.call(board.start(parked[0]))
    assert outside.granted(woken) > 2.5


def test_some_of_those_that_are_held_compete_for_seats_that_are_never_free(
    outside: Outside, board: Board, clock: Clock
) -> None:
    outside.limit("openai/gpt-4o", concurrent=20)
    for _ in range(20):
        outside.granted(outside.call(board.start(board.submit())))
    for _ in range(5):
        outside.parked(wait_s=0)
    assert [outside.release() for _ in range(3)] == [2, 2, 1]


def test_the_event_of_a_parked_job_says_for_what_it_waits_and_until_when(outside: Outside, board: Board) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=6)
    outside.granted()
    event = board.events(outside.parked())[-1]
    assert event.type == "limited"
    assert event.data["limit"] == {"resource": "openai/gpt-4o", "why": "rate"}
    assert event.data["delay_s"] == pytest.approx(9.9, abs=0.1)


def test_a_limit_that_is_lifted_lets_all_go_on(outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=1)
    outside.granted()
    for _ in range(7):
        outside.parked()
    outside.unlimit("openai/gpt-4o")
    assert outside.release() == 7


def test_a_job_that_is_cancelled_while_it_is_held_takes_no_room(outside: Outside, board: Board) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=1)
    outside.granted()
    first, second = outside.parked(), outside.parked()
    board.cancel(first)
    assert board.client.zrange(board.keys.parked(MODEL.bucket), 0, -1) == [second.encode()]
    outside.unlimit("openai/gpt-4o")
    assert outside.release() == 1
    board.promote()
    assert board.state(second) is JobState.QUEUED
    assert not board.client.exists(board.keys.parked(MODEL.bucket), board.keys.parked_lines)


def test_jobs_of_many_limits_go_on_in_portions(outside: Outside, board: Board, clock: Clock) -> None:
    limits = 150
    board.client.config_set("hash-max-ziplist-entries", 100)  # more than that it reads in pieces
    outside.limit("openai/gpt-4o tenant *", requests_per_minute=1)
    for number in range(limits):
        tenant = f"t-{number}"
        claim = board.start(board.submit(tenant=tenant))
        outside.granted(tenant=tenant)
        outside.park(claim, outside.denied(outside.call(claim), tenant=tenant))
    clock.advance(62)
    first, cursor = outside.run(outside.reservations.release())
    assert 0 < first < limits
    assert cursor != "0"
    assert first + outside.release() == limits


def test_a_job_that_nobody_releases_asks_again_by_itself(outside: Outside, board: Board, clock: Clock) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=1)
    outside.granted()
    parked = outside.parked()
    clock.advance(301)
    board.promote()
    assert board.state(parked) is JobState.QUEUED
    assert outside.release() == 0


# The breaker


def test_failures_within_the_window_open_the_breaker(outside: Outside, clock: Clock) -> None:
    assert outside.fail(4) is BreakerState.CLOSED
    clock.advance(31)
    assert outside.fail(4) is BreakerState.CLOSED
    assert outside.fail() is BreakerState.OPEN


def test_a_call_that_is_answered_makes_up_for_one_that_failed(outside: Outside) -> None:
    for _ in range(10):
        assert outside.fail() is BreakerState.CLOSED
        outside.settle(outside.call())


def test_a_failure_that_is_told_twice_counts_once(outside: Outside) -> None:
    call = outside.call()
    assert [outside.settle(call, Went.FAILED).state for _ in range(6)] == [BreakerState.CLOSED] * 6


def test_an_open_breaker_keeps_all_away_but_one_that_probes_when_it_is_time(outside: Outside, board: Board) -> None:
    outside.fail(5)
    prober = outside.call(board.start(board.submit()))
    assert outside.reserve(prober) == Granted(2, probe=True)
    refused = outside.denied()
    assert (refused.why, refused.line) == (Why.BREAKER, "breaker openai/gpt-4o")
    assert outside.denied(of=OTHER_KEY).why is Why.BREAKER
    assert outside.granted(of=Resource("openai/gpt-4o-mini")) == 0


def test_a_probe_that_is_answered_closes_the_breaker_and_lets_all_go_on(outside: Outside, board: Board) -> None:
    outside.fail(5)
    prober = outside.call(board.start(board.submit()))
    outside.reserve(prober)
    for _ in range(20):
        outside.parked()
    assert outside.settle(prober).state is BreakerState.CLOSED
    assert outside.release() == 20
    assert outside.granted() == 0
    assert outside.fail(4) is BreakerState.CLOSED


def test_a_probe_that_fails_keeps_it_open_for_another_pause(outside: Outside, board: Board, clock: Clock) -> None:
    outside.fail(5)
    prober = outside.call(board.start(board.submit()))
    outside.reserve(prober)
    clock.advance(3)
    settled = outside.settle(prober, Went.FAILED)
    assert (settled.state, settled.probe_in_s, settled.changed) == (BreakerState.OPEN, 2, True)


def test_one_held_job_at_a_time_is_let_go_to_probe(outside: Outside, board: Board, clock: Clock) -> None:
    outside.fail(5)
    prober = outside.call(board.start(board.submit()))
    outside.reserve(prober)
    parked = [outside.parked() for _ in range(5)]
    assert outside.release() == 0
    outside.settle(prober, Went.FAILED)
    assert [outside.release() for _ in range(3)] == [1, 0, 0]
    clock.advance(4)  # the one that was woken did not come
    assert outside.release() == 1
    board.promote()
    assert [board.state(each) for each in parked].count(JobState.QUEUED) == 2


def test_a_prober_that_is_gone_or_takes_too_long_is_replaced(outside: Outside, board: Board, clock: Clock) -> None:
    outside.fail(5)
    claim = board.start(board.submit())
    outside.reserve(outside.call(claim))
    board.lose(claim.job_id)
    second = outside.call(board.start(board.submit()))
    assert isinstance(outside.reserve(second), Granted)
    outside.denied()
    clock.advance(59)
    outside.denied()
    clock.advance(2)
    third = outside.call(board.start(board.submit()))
    assert outside.reserve(third) == Granted(0, probe=True)
    assert outside.settle(second).state is BreakerState.HALF_OPEN, "the late probe counts no more"


@pytest.mark.parametrize(("went", "state"), [(Went.LIMITED, "closed"), (Went.UNKNOWN, "open"), (Went.UNUSED, "open")])
def test_a_probe_that_says_little(outside: Outside, board: Board, went: Went, state: str) -> None:
    outside.fail(5)
    prober = outside.call(board.start(board.submit()))
    outside.reserve(prober)
    assert outside.settle(prober, went).state == state


def test_calls_that_were_under_way_when_it_opened_change_nothing(outside: Outside) -> None:
    outside.fail(5)
    assert outside.settle(outside.call()).state is BreakerState.OPEN
    assert outside.settle(outside.call(), Went.FAILED).probe_in_s == 2


def test_a_breaker_opened_by_hand_is_closed_by_hand_alone(outside: Outside, board: Board, clock: Clock) -> None:
    outside.fail(5)
    prober = outside.call(board.start(board.submit()))
    outside.reserve(prober)
    switch = outside.reservations.switch
    assert outside.run(switch(MODEL.name, BreakerState.OPEN)) is BreakerState.HALF_OPEN
    assert outside.settle(prober).state is BreakerState.OPEN
    outside.parked()
    clock.advance(HOUR_S)
    assert outside.release() == 0
    outside.denied()
    assert outside.run(switch(MODEL.name, BreakerState.CLOSED)) is BreakerState.OPEN
    assert outside.release() == 1
    assert outside.granted() == 0


def test_a_breaker_opened_by_hand_for_a_time_is_probed_after_it(outside: Outside, board: Board, clock: Clock) -> None:
    outside.run(outside.reservations.switch(MODEL.name, BreakerState.OPEN, 60))
    assert outside.denied().delay_s == 60
    clock.advance(60)
    assert outside.reserve(outside.call(board.start(board.submit()))) == Granted(0, probe=True)


def known_breakers(board: Board) -> list[object]:
    return [*board.client.zrange(board.keys.resources, 0, -1)]


def test_a_breaker_of_which_nothing_is_heard_for_as_long_as_jobs_are_kept_is_forgotten(
    outside: Outside, board: Board, clock: Clock
) -> None:
    outside.fail(5)
    kept_ms = board.settings.retention_s * 1000
    assert known_breakers(board) == [MODEL.name.encode()]
    assert kept_ms - 60_000 < int(board.client.pttl(board.keys.breaker(MODEL.name))) <= kept_ms
    clock.advance(board.settings.retention_s)
    outside.run(outside.reservations.switch("another", BreakerState.CLOSED))
    assert known_breakers(board) == [b"another"]


def test_a_breaker_that_a_person_has_opened_for_good_is_not_forgotten(
    outside: Outside, board: Board, clock: Clock
) -> None:
    switch = outside.reservations.switch
    outside.fail(5)
    outside.run(switch(MODEL.name, BreakerState.OPEN))
    clock.advance(10 * board.settings.retention_s)
    outside.run(switch("another", BreakerState.CLOSED))
    assert known_breakers(board) == [b"another", MODEL.name.encode()]
    assert board.client.ttl(board.keys.breaker(MODEL.name)) == -1
    outside.run(switch(MODEL.name, BreakerState.CLOSED))
    assert board.client.ttl(board.keys.breaker(MODEL.name)) > 0


def test_the_seats_of_a_service_that_nobody_calls_any_more_do_not_stay(outside: Outside, board: Board) -> None:
    outside.limit("openai/gpt-4o", concurrent=2)
    outside.granted()
    (seats,) = board.client.scan_iter(board.keys.calls("*"))
    assert 0 < board.client.ttl(seats) <= 86_400


def test_a_probe_is_paced_as_any_other_call(outside: Outside, board: Board) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=6)
    outside.granted()
    outside.fail(5)
    assert outside.denied().why is Why.RATE
    assert outside.field("prober") == ""


def test_every_change_of_state_is_published_once(outside: Outside, board: Board) -> None:
    with listening(board.client, board.keys.breakers) as channel:
        outside.fail(7)
        prober = outside.call(board.start(board.submit()))
        outside.reserve(prober)
        outside.settle(prober)
        outside.settle(prober)
        outside.settle(outside.call(), Went.FAILED)
        outside.fail(5)
        changes = [from_json(message["data"]) for message in heard(channel, 4)]
    assert [(each["was"], each["state"]) for each in changes] == [
        ("closed", "open"),
        ("open", "half_open"),
        ("half_open", "closed"),
        ("closed", "open"),
    ]
    assert changes[0] | {"failures": 5, "resource": "openai/gpt-4o", "by_hand": False} == changes[0]
    assert changes[0]["next_probe"] == "2026-03-01T12:00:02.000Z"
