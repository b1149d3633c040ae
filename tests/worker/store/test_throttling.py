"""Caps and rates: how many jobs of a tenant, a kind or a queue run at once, and how often one begins."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import redis

from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import EVERY_TENANT, Claim
from backdesk.worker.model.tenancy import JobLimits, TenantSettings, scope_of, tenant_scope
from tests.support.board import Board, Clock
from tests.support.fleet import Fleet

#: What a rate makes up for of its own lateness, in s; the same as in limits.lua.
LATENESS_S = 0.15


def limit(
    board: Board, *, tenant: str | None = None, kind: str | None = None, queue: str | None = None, **limits: Any
) -> None:
    """Set limits, or with none given remove them."""
    transitions = board.transitions
    if tenant is not None and kind is None:
        settings = TenantSettings(**limits)
        policy = settings.policy if limits else ""
        board.run(transitions.configure(tenant_scope(tenant), policy, tenant, settings.stored))
    else:
        policy = JobLimits(**limits).policy if limits else ""
        board.run(transitions.configure(scope_of(tenant=tenant, kind=kind, queue=queue), policy))


def resume(board: Board) -> bool:
    return board.run(board.transitions.resume())


def start_all(board: Board, queue: str = "agents") -> list[Any]:
    return [board.start(job_id) for job_id in iter(lambda: board.take_delivery(queue), None)]


def limited(board: Board, job_id: str) -> list[JobEvent]:
    return [event for event in board.events(job_id) if event.type == "limited"]


SCOPES: list[dict[str, str]] = [
    {"tenant": "acme"},
    {"tenant": EVERY_TENANT},
    {"kind": "test.echo"},
    {"queue": "agents"},
    {"tenant": "acme", "kind": "test.echo"},
    {"tenant": EVERY_TENANT, "kind": "test.echo"},
]


# Caps


@pytest.mark.parametrize("scope", SCOPES)
def test_no_more_than_the_cap_run_at_once_and_the_next_begins_as_one_ends(board: Board, scope: dict[str, str]) -> None:
    board.announce(agents=10)
    limit(board, **scope, max_running=3)
    board.submit_many(8)
    claims = start_all(board)
    assert len(claims) == 3
    for claim in claims[:2]:
        board.succeed(claim)
    assert len(start_all(board)) == 2


@pytest.mark.parametrize("scope", SCOPES)
def test_a_cap_of_none_is_a_pause_that_ends_when_it_is_lifted(board: Board, scope: dict[str, str]) -> None:
    limit(board, **scope, max_running=0)
    ids = board.submit_many(3)
    assert board.delivered() == []
    limit(board, **scope)
    assert board.delivered() == ids


def test_all_caps_hold_together(board: Board) -> None:
    board.announce(agents=20)
    limit(board, queue="agents", max_running=9)
    limit(board, tenant="acme", max_running=4)
    limit(board, kind="test.echo", max_running=5)
    for tenant in ("acme", "globex", "initech"):
        for kind in ("test.echo", "test.sleep"):
            board.submit_many(20, tenant=tenant, kind=kind)
    for _ in range(12):
        claims = start_all(board)
        running = claims
        by_tenant, by_kind = Counter(c.tenant for c in running), Counter(c.kind for c in running)
        assert len(running) == 9
        assert by_tenant["acme"] <= 4
        assert by_kind["test.echo"] <= 5
        for claim in claims:
            board.succeed(claim)


def test_what_is_delivered_counts_as_running(board: Board) -> None:
    limit(board, tenant="acme", max_running=2)
    board.submit_many(5)
    assert len(board.delivered()) == 2


def test_a_cap_of_a_tenant_spans_its_queues(board: Board) -> None:
    board.announce(agents=5, tools=5)
    limit(board, tenant="acme", max_running=1)
    first, other = board.submit(), board.submit(queue="tools", kind="test.tool")
    assert (board.delivered(), board.delivered("tools")) == ([first], [])
    board.run_next()
    assert board.delivered("tools") == [other]


@pytest.mark.parametrize("way", ["succeed", "retry", "lose", "cancel"])
def test_however_an_attempt_ends_its_place_is_free(board: Board, way: str) -> None:
    limit(board, tenant="acme", max_running=1)
    board.announce(ttl_s=1000, agents=4)
    first, second = board.submit_many(2)
    board.take_delivery()
    if way == "cancel":
        board.cancel(first)
    else:
        claim = board.start(first)
        ways: dict[str, Callable[[Claim], object]] = {"succeed": board.succeed, "retry": board.retry}
        if way == "lose":
            board.lose(first)
        else:
            ways[way](claim)
    # A job that was lost goes before those behind it.
    assert board.delivered() == [first if way == "lose" else second]


def test_a_capped_kind_holds_up_neither_other_kinds_nor_other_tenants(board: Board) -> None:
    board.announce(agents=4)
    limit(board, tenant="acme", kind="test.slow", max_running=1)
    board.submit_many(10, kind="test.slow", priority=9)
    quick, other = board.submit(priority=0), board.submit(tenant="globex", priority=0)
    assert {quick, other} <= set(board.delivered())


def test_a_cap_that_is_lowered_ends_nobody_and_lets_nobody_begin(board: Board) -> None:
    board.announce(agents=4)
    board.submit_many(8)
    claims = [board.start(board.take_delivery() or "") for _ in range(4)]
    limit(board, tenant="acme", max_running=2)
    delivered = len(board.delivered())
    for claim in claims:
        board.succeed(claim)
    assert len(board.delivered()) == max(delivered, 2)


@pytest.mark.parametrize("scope", SCOPES[:5])
def test_a_cap_that_is_raised_or_removed_applies_to_those_that_wait_at_once(
    board: Board, scope: dict[str, str]
) -> None:
    board.announce(agents=10)
    limit(board, **scope, max_running=1)
    board.submit_many(6)
    limit(board, **scope, max_running=3)
    assert len(board.delivered()) == 3
    limit(board, **scope)
    assert len(board.delivered()) == 6


def test_of_those_that_a_cap_holds_up_whoever_is_owed_most_goes_first(board: Board) -> None:
    limit(board, kind="test.echo", max_running=2)
    for tenant in ("acme", "globex", "initech"):
        board.submit_many(60, tenant=tenant)
    fleet = Fleet(board, 8, lambda claim: 1.0)
    fleet.work(60)
    assert len(fleet.runs) == pytest.approx(120, abs=2)
    for tenant in ("acme", "globex", "initech"):
        assert fleet.ended[tenant] == pytest.approx(40, abs=4)


def test_a_job_that_a_cap_holds_up_can_be_cancelled_and_leaves_no_hold_behind(
    board: Board, clock: Clock, client: redis.Redis
) -> None:
    limit(board, tenant="acme", max_running=1)
    running, held = board.submit_many(2)
    board.cancel(held)
    board.succeed(board.start(running))
    clock.advance(2)
    resume(board)
    assert not client.exists(board.keys.held, board.keys.limited)


# Rates


def begun_in_any(runs: list[float], span_s: float) -> int:
    """The most that began within any span of this length."""
    return max(sum(1 for other in runs if began <= other < began + span_s) for began in runs)


RATES = [("60/m", None, 1.0), ("10/s", None, 10.0), ("2/s", 10, 2.0), ("200/s", None, 200.0), ("100/s", 50, 100.0)]


@pytest.mark.parametrize(
    ("scope", "rate", "burst", "per_s"),
    [
        *(({"tenant": "acme"}, *rate) for rate in RATES),
        *((scope, *RATES[1]) for scope in ({"kind": "test.echo"}, {"queue": "agents"})),
    ],
)
def test_a_rate_is_kept_in_every_window_and_used_up(
    board: Board, scope: dict[str, str], rate: str, burst: int | None, per_s: float
) -> None:
    limit(board, **scope, rate=rate, burst=burst)
    seconds = 20 if per_s < 50 else 4
    board.submit_many(int(per_s * seconds) + 100)
    fleet = Fleet(board, 40, lambda claim: 0.02, pace_s=0.05, late_s=0.1)
    fleet.work(seconds)
    began = fleet.began("acme")
    spare = max(burst or 1, 1 + per_s * LATENESS_S)
    for span_s in (0.1, 0.5, 1, 3, 10):
        assert begun_in_any(began, span_s) <= span_s * per_s + spare + 1e-6
    assert len(began) >= (seconds - 0.2) * per_s


def test_deliveries_that_had_to_wait_for_a_slot_do_not_begin_all_at_once(board: Board) -> None:
    """Twenty seconds of another's long jobs on all slots must not gather twenty beginnings."""
    fleet = Fleet(board, 16, lambda claim: 20.0 if claim.tenant == "long" else 0.01, pace_s=0.05, late_s=0.1)
    board.submit_many(64, tenant="quick")
    fleet.work(5)
    limit(board, tenant="acme", rate="1/s")
    board.submit_many(16, tenant="long")
    fleet.work(1)
    board.submit_many(100)
    fleet.work(40)
    began = fleet.began("acme")
    assert len(began) >= 15
    assert begun_in_any(began, 1) <= 1 + 1 + LATENESS_S


def test_all_rates_hold_together(board: Board) -> None:
    limit(board, kind="test.echo", rate="10/s")
    limit(board, tenant="acme", rate="4/s")
    limit(board, tenant="globex", kind="test.echo", rate="2/s")
    for tenant in ("acme", "globex", "initech"):
        board.submit_many(200, tenant=tenant)
    fleet = Fleet(board, 40, lambda claim: 0.05, pace_s=0.05, late_s=0.1)
    fleet.work(20)
    assert len(fleet.began("acme")) == pytest.approx(80, abs=3)
    assert len(fleet.began("globex")) == pytest.approx(40, abs=3)
    assert len(fleet.began("initech")) == pytest.approx(80, abs=6)


def test_a_limited_tenant_holds_up_nobody_and_loses_nothing_but_its_own_time(board: Board) -> None:
    limit(board, tenant="acme", rate="1/s")
    board.submit_many(100)
    board.submit_many(400, tenant="globex")
    fleet = Fleet(board, 4, lambda claim: 1.0, pace_s=0.05, late_s=0.1)
    fleet.work(60)
    assert len(fleet.began("acme")) == pytest.approx(60, abs=2)
    assert len(fleet.runs) >= 236


def test_a_limited_kind_holds_up_no_other_kind_of_its_tenant(board: Board) -> None:
    limit(board, tenant="acme", kind="test.slow", rate="1/m")
    board.submit_many(20, kind="test.slow", priority=9)
    ids = board.submit_many(6, priority=0)
    assert len({*board.delivered()} & {*ids}) == 6


def test_a_job_that_is_limited_takes_no_attempt_and_no_slot(board: Board) -> None:
    limit(board, tenant="acme", rate="1/m")
    board.announce(agents=2)
    first, second = board.submit_many(2)
    board.start(first)
    assert board.record(second).attempt == 0
    other = board.submit(tenant="globex")
    assert other in board.delivered()


def test_a_delivery_that_is_withdrawn_before_it_began_gives_its_turn_to_the_next(board: Board, clock: Clock) -> None:
    limit(board, tenant="acme", rate="1/m")
    first, second = board.submit_many(2)
    board.cancel(first)
    assert board.delivered()[-1] == second


def test_a_rate_that_rested_lets_its_burst_begin_and_no_more(board: Board, clock: Clock) -> None:
    limit(board, tenant="acme", rate="6/m", burst=4)
    clock.advance(3600)
    board.announce(ttl_s=10, agents=20)
    board.submit_many(10)
    assert len(start_all(board)) == 4
    clock.advance(10)
    resume(board)
    assert len(start_all(board)) == 1


# The word to those that wait


def test_the_next_job_is_told_when_it_may_begin_and_by_which_limit(board: Board, clock: Clock) -> None:
    limit(board, kind="test.echo", rate="6/m")
    clock.advance(100)
    first, second, third = (board.submit() for _ in range(3))
    board.start(first)
    (told,) = limited(board, second)
    assert (told.data["reason"], told.data["scope"]) == ("rate", "kind test.echo")
    assert moment_ms(told) == clock() + 10_000 - 1000 * LATENESS_S
    assert limited(board, third)


def moment_ms(event: JobEvent) -> int:
    return round(datetime.fromisoformat(event.data["run_at"]).timestamp() * 1000)


@pytest.mark.parametrize("rate", ["60/m", "6/m", "7/m"])
def test_the_time_that_a_job_is_told_is_the_time_at_which_it_begins(board: Board, clock: Clock, rate: str) -> None:
    board.announce(ttl_s=1e6, agents=20)
    limit(board, tenant="acme", rate=rate)
    board.submit()
    start_all(board)
    ids = [board.submit() for _ in range(4)]
    told = {job_id: moment_ms(limited(board, job_id)[0]) for job_id in ids}
    for _ in range(2000):
        clock.advance(0.05)
        resume(board)
        for claim in start_all(board):
            assert abs(clock() - told.pop(claim.job_id)) <= 1000 * LATENESS_S + 50
        if not told:
            break
    assert not told


def test_a_job_is_told_once_while_it_waits_for_one_rate(board: Board, clock: Clock) -> None:
    limit(board, tenant="acme", rate="1/m")
    board.announce(ttl_s=1e6, agents=4)
    board.submit_many(3)
    (claim,) = start_all(board)
    board.succeed(claim)
    for _ in range(100):
        clock.advance(0.5)
        resume(board)
    told = [len(limited(board, job_id)) for job_id in ("job-2", "job-3")]
    assert told == [1, 0]


# Changes while jobs wait


def test_a_rate_that_is_raised_or_removed_applies_to_those_that_wait_at_once(board: Board, clock: Clock) -> None:
    board.announce(ttl_s=1e6, agents=50)
    limit(board, tenant="acme", rate="1/d")
    board.submit_many(40)
    assert len(start_all(board)) == 1
    limit(board, tenant="acme", rate="10/s")
    clock.advance(1)
    resume(board)
    assert len(start_all(board)) >= 1
    limit(board, tenant="acme")
    assert len(board.delivered()) >= 30


def test_a_change_of_one_limit_says_nothing_to_those_that_another_holds(board: Board) -> None:
    limit(board, tenant="acme", rate="1/m")
    board.submit_many(2)
    before = [board.log(job_id) for job_id in ("job-1", "job-2")]
    limit(board, tenant="globex", rate="1/m")
    assert [board.log(job_id) for job_id in ("job-1", "job-2")] == before


def test_a_tenants_own_limits_stand_above_those_of_every_tenant_field_by_field(board: Board) -> None:
    board.announce(agents=50)
    limit(board, tenant=EVERY_TENANT, max_running=2, rate="1/h", burst=5)
    limit(board, tenant="acme", max_running=4)
    limit(board, tenant="globex", rate="none")
    limit(board, tenant="initech", max_running="none", rate="none")
    counts = Counter[str]()
    for tenant in ("acme", "globex", "initech", "hooli"):
        board.submit_many(8, tenant=tenant)
    for claim in start_all(board):
        counts[claim.tenant] += 1
    assert counts == {"acme": 4, "globex": 2, "initech": 8, "hooli": 2}


# The clock


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_a_clock_that_is_set_leaves_nothing_stuck_and_lets_no_burst_pass(
    board: Board, clock: Clock, jump_s: int
) -> None:
    board.announce(ttl_s=1e6, agents=50)
    limit(board, tenant="acme", rate="6/m", burst=2)
    board.submit_many(40)
    start_all(board)
    clock.advance(1)
    resume(board)
    clock.advance(jump_s)
    began = []
    for _ in range(20 * 60):
        clock.advance(0.05)
        resume(board)
        began += [clock() / 1000] * len(start_all(board))
    assert 5 <= len(began) <= 6 + 2
    assert began[0] - (clock() / 1000 - 60) <= 10.1
    assert all(later - earlier >= 9.8 for earlier, later in itertools.pairwise(began[2:]))


def test_a_cap_is_looked_at_again_though_nobody_has_noticed_the_room(board: Board, clock: Clock) -> None:
    """Where the count was wrong: the next look after a second puts it right."""
    limit(board, tenant="acme", max_running=1)
    first, _ = board.submit_many(2)
    claim = board.start(first)
    resume(board)
    board.client.hdel(board.keys.flow, "tenant acme")
    clock.advance(1)
    resume(board)
    assert len(board.delivered()) == 2
    board.client.hincrby(board.keys.flow, "tenant acme", 1)
    board.succeed(claim)


# Many


def test_many_tenants_that_one_limit_holds_are_let_go_in_portions(board: Board, clock: Clock) -> None:
    board.announce(ttl_s=1e6, agents=1000)
    limit(board, kind="test.echo", max_running=0)
    for number in range(450):
        board.submit(tenant=f"t-{number}")
    limit(board, kind="test.echo")
    for _ in range(3):
        clock.advance(0.05)
        resume(board)
    assert len(board.delivered()) == 450


def test_many_tenants_that_a_new_limit_concerns_do_not_hold_up_others_for_long(board: Board, clock: Clock) -> None:
    chance = random.Random(3)
    names = [f"t-{number}" for number in range(450)]
    chance.shuffle(names)
    for name in names:
        board.submit(tenant=name)
    other = board.submit(kind="test.sleep", tenant="zz")
    limit(board, kind="test.echo", max_running=0)
    board.announce(ttl_s=1e6, agents=1000)
    for _ in range(4):
        clock.advance(0.05)
        resume(board)
    assert other in board.delivered()
