"""What is spent: set aside before a call, replaced by the truth after it, and never more than the pots allow."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.model.budget import (
    MICRO,
    Amount,
    Budget,
    CostUnknown,
    Estimate,
    OnLimit,
    Refusal,
    TenantLimitInvalid,
    read_spent,
)
from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.scripts import run
from backdesk.worker.store.spending import Granted, Lost
from backdesk.worker.store.terms import Terms
from tests.support.board import Board, Clock

TODAY = "2026-03-01"
DAY_MS = 86_400_000


def started(board: Board, job_id: str = "job", **budget: Any) -> Claim:
    return board.start(board.submit(job_id, budget=Budget(**budget) if budget else None))


def child_of(board: Board, parent: Claim, job_id: str, **budget: Any) -> Claim:
    made = board.call(parent, job_id, job_id, budget=Budget(**budget) if budget else None)
    assert made == (SubmitCode.CREATED, job_id)
    return board.start(job_id)


def set_limits(board: Board, tenant: str = "acme", **fields: str) -> None:
    board.client.hset(board.keys.tenant(tenant), items=[part for field in fields.items() for part in field])


def day(board: Board, date: str = TODAY, tenant: str = "acme") -> dict[str, Any]:
    raw: dict[Any, Any] = board.client.hgetall(board.keys.spent_day(tenant, date))
    return read_spent(raw)


def refusal(answer: object) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def granted(answer: object) -> Granted:
    assert isinstance(answer, Granted), answer
    return answer


# Setting aside


@pytest.mark.parametrize(
    ("limit", "amount", "once"),
    [
        ({"tokens": 100}, {"tokens": 60}, 60),
        ({"cost_usd": 0.1}, {"cost_usd": 0.06}, 0.06),
        ({"model_calls": 1}, {"model_calls": 1}, 1),
        ({"tool_calls": 1}, {"tool_calls": 1}, 1),
    ],
)
def test_a_call_that_would_pass_a_limit_is_refused_and_sets_nothing_aside(
    board: Board, limit: dict[str, Any], amount: dict[str, Any], once: float
) -> None:
    claim = started(board, **limit)
    granted(board.reserve(claim, 1, **amount))
    before = board.spent("job")
    refused = refusal(board.reserve(claim, 2, **amount))
    ((name, allowed),) = limit.items()
    assert (refused.limit, refused.allowed, refused.spent, refused.wanted) == (name, allowed, once, once)
    assert (refused.job_id, refused.on_limit) == ("job", OnLimit.FAIL)
    assert board.spent("job") == before


def test_a_call_may_take_the_last_of_a_limit(board: Board) -> None:
    claim = started(board, tokens=100)
    granted(board.reserve(claim, 1, tokens=60))
    granted(board.reserve(claim, 2, tokens=40))
    assert board.spent("job").tokens == 100


def test_a_part_of_a_millionth_of_a_dollar_counts_as_a_whole_one(board: Board) -> None:
    claim = started(board, cost_usd=1)
    board.reserve(claim, 1, cost_usd=0.000_000_1)
    assert board.spent("job").known_cost_usd == 1 / MICRO


def test_no_sum_of_binary_fractions_costs_a_millionth_more(board: Board) -> None:
    claim = started(board, cost_usd=0.3)
    for number in range(3):
        granted(board.reserve(claim, number, cost_usd=0.1))
    assert board.spent("job").cost_usd == 0.3


def test_what_is_asked_twice_after_a_lost_answer_is_set_aside_once(board: Board) -> None:
    claim = started(board, tokens=100)
    first = board.reserve(claim, 1, tokens=60, more_tokens=80)
    assert board.reserve(claim, 1, tokens=60, more_tokens=80) == first
    assert board.spent("job").tokens == 100


def test_what_is_known_to_cost_just_that_is_spent_at_once_and_holds_nothing(board: Board) -> None:
    claim = started(board, tool_calls=2)
    granted(board.reserve(claim, 1, tool_calls=1, final=True))
    granted(board.reserve(claim, 2, tool_calls=1, final=True))
    assert board.spent("job").tool_calls == 2
    assert refusal(board.reserve(claim, 3, tool_calls=1, final=True)).pending is False
    assert not board.book(claim, 2, tool_calls=0)
    assert board.spent("job").tool_calls == 2


@pytest.mark.parametrize("in_any_case", [True, False])
def test_what_is_known_to_cost_just_that_counts_once_when_it_is_asked_twice(board: Board, in_any_case: bool) -> None:
    claim = started(board)
    for number in (1, 1, 2, 2):
        granted(board.reserve(claim, number, tool_calls=1, final=True, in_any_case=in_any_case))
    assert board.spent("job").tool_calls == 2
    assert day(board)["tool_calls"] == 2


def test_what_is_wanted_beyond_the_least_is_taken_as_far_as_there_is_room(board: Board) -> None:
    claim = started(board, tokens=1000)
    assert granted(board.reserve(claim, 1, tokens=100, more_tokens=800)).share == 1
    assert granted(board.reserve(claim, 2, tokens=60, more_tokens=400)).share == 0.1
    assert board.spent("job").tokens == 1000
    assert refusal(board.reserve(claim, 3, tokens=1, more_tokens=400)).limit == "tokens"


def test_calls_of_many_workers_at_once_never_pass_a_limit(settings: Settings, board: Board) -> None:
    claim = started(board, tokens=1000, model_calls=1000)
    set_limits(board, tokens_per_day="700")
    estimate, real = Estimate(Amount(tokens=7, model_calls=1), Amount(tokens=5)), Amount(tokens=7, model_calls=1)
    answers: list[object] = []

    def spend(worker: int) -> None:
        with connect(settings.url) as connection:
            for number in range(100 * worker, 100 * worker + 30):
                answer = run(connection, board.spending.spend(claim, number, estimate))
                answers.append(answer)
                if isinstance(answer, Granted):
                    run(connection, board.spending.account(claim, number, real))

    threads = [threading.Thread(target=spend, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 240
    assert sum(isinstance(answer, Granted) for answer in answers) == 100
    assert board.spent("job").tokens == day(board)["tokens"] == 700


def test_a_call_of_unknown_price_is_refused_under_a_budget_in_money(board: Board) -> None:
    answer = board.reserve(started(board, cost_usd=1), tokens=5, cost_usd=None)
    assert isinstance(answer, CostUnknown)
    assert "job job is limited in money" in str(answer)


def test_a_call_of_unknown_price_is_marked_as_such_where_money_is_no_limit(board: Board) -> None:
    claim = started(board, tokens=100)
    granted(board.reserve(claim, tokens=5, cost_usd=None))
    assert (board.spent("job").cost_usd, board.spent("job").unpriced_calls) == (None, 1)


@pytest.mark.parametrize("leave", [Board.retry, Board.succeed])
def test_an_attempt_that_has_lost_its_fence_sets_nothing_aside(board: Board, leave: Any) -> None:
    claim = started(board, tokens=100)
    leave(board, claim)
    assert isinstance(board.reserve(claim, tokens=5), Lost)
    assert board.spent("job").tokens == 0


# The truth


def test_the_real_amount_takes_the_place_of_the_estimate(board: Board) -> None:
    claim = started(board, tokens=100, cost_usd=1)
    board.reserve(claim, tokens=80, cost_usd=0.5, model_calls=1)
    assert board.book(claim, tokens=30, cost_usd=0.2, model_calls=1)
    spent = board.spent("job")
    assert (spent.tokens, spent.cost_usd, spent.model_calls) == (30, 0.2, 1)
    assert day(board)["tokens"] == 30


def test_a_call_is_settled_once(board: Board) -> None:
    claim = started(board, tokens=100)
    board.reserve(claim, tokens=80)
    assert board.book(claim, tokens=30)
    assert not board.book(claim, tokens=30)
    assert board.spent("job").tokens == 30


def test_without_better_knowledge_the_estimate_stays(board: Board) -> None:
    claim = started(board, tokens=100)
    board.reserve(claim, tokens=80)
    assert board.book(claim)
    assert board.spent("job").tokens == 80


def test_a_real_amount_over_the_estimate_counts_and_closes_the_pot(board: Board) -> None:
    claim = started(board, tokens=100)
    board.reserve(claim, 1, tokens=80)
    board.book(claim, 1, tokens=130)
    assert refusal(board.reserve(claim, 2, tokens=1)).spent == 130


def test_a_price_that_turns_out_to_be_known_is_counted(board: Board) -> None:
    claim = started(board)
    board.reserve(claim, in_any_case=True, tokens=5, cost_usd=None)
    board.book(claim, tokens=5, cost_usd=0.25)
    assert board.spent("job").cost_usd == day(board)["known_cost_usd"] == 0.25


def test_a_price_that_turns_out_to_be_unknown_leaves_the_estimate_and_says_so(board: Board) -> None:
    claim = started(board)
    board.reserve(claim, in_any_case=True, tokens=5, cost_usd=0.5)
    board.book(claim, tokens=5, cost_usd=None)
    spent = board.spent("job")
    assert (spent.cost_usd, spent.known_cost_usd, spent.unpriced_calls) == (None, 0.5, 1)


# Workers that are lost


def test_what_a_lost_attempt_has_set_aside_stays_spent(board: Board) -> None:
    lost = started(board, tokens=100)
    board.reserve(lost, tokens=80)
    board.lose("job")
    claim = board.start("job")
    assert refusal(board.reserve(claim, 1, tokens=30)).spent == 80
    granted(board.reserve(claim, 2, tokens=20))
    assert board.spent("job").tokens == 100


def test_a_worker_that_comes_back_settles_until_another_attempt_spends(board: Board) -> None:
    lost = started(board, tokens=100)
    board.reserve(lost, 1, tokens=40)
    board.reserve(lost, 2, tokens=40)
    board.lose("job")
    assert board.book(lost, 1, tokens=10)
    board.reserve(board.start("job"), 1, tokens=20)
    assert not board.book(lost, 2, tokens=10)
    assert board.spent("job").tokens == 10 + 40 + 20


def test_what_is_settled_after_the_end_is_forgotten_with_the_job(board: Board) -> None:
    claim = started(board, tokens=100)
    board.reserve(claim, tokens=80)
    board.succeed(claim)
    assert board.book(claim, tokens=30)
    assert board.spent("job").tokens == 30
    board.clock.advance(board.settings.retention_s)
    board.run(board.transitions.prune())
    assert not board.client.exists(board.keys.spent("job"))


def test_what_is_settled_of_a_forgotten_job_leaves_nothing_behind(board: Board) -> None:
    claim = started(board)
    board.reserve(claim, in_any_case=True, tokens=80)
    board.fail(claim)
    board.clock.advance(board.settings.retention_s + 1)
    board.run(board.transitions.prune())
    assert not board.client.exists(board.keys.spent("job"))
    assert not board.book(claim, tokens=30)
    board.reserve(claim, 2, in_any_case=True, tokens=80)
    assert not board.client.exists(board.keys.spent("job"))


# Without a limit


def test_without_a_limit_all_is_counted_and_nobody_need_wait(board: Board) -> None:
    claim = started(board)
    assert not claim.limited
    assert not granted(board.reserve(claim, in_any_case=True, tokens=80, model_calls=1)).limited
    board.book(claim, tokens=30, model_calls=1)
    assert board.spent("job").tokens == day(board)["tokens"] == 30
    assert day(board)["jobs"] == 1


def test_a_limit_that_is_set_meanwhile_shows_in_the_answer(board: Board) -> None:
    claim = started(board)
    set_limits(board, tokens_per_day="50")
    assert granted(board.reserve(claim, in_any_case=True, tokens=80)).limited
    assert refusal(board.reserve(claim, 2, tokens=1)).tenant == "acme"


# Families


def test_what_a_child_spends_counts_against_the_budget_of_its_parent(board: Board) -> None:
    parent = started(board, "parent", tokens=100)
    child = child_of(board, parent, "child")
    grandchild = child_of(board, child, "grandchild")
    assert child.limited
    assert grandchild.limited
    granted(board.reserve(grandchild, tokens=60))
    assert refusal(board.reserve(child, tokens=41)).job_id == "parent"
    assert [board.spent(job).tokens for job in ("parent", "child", "grandchild")] == [60, 60, 60]
    board.book(grandchild, tokens=10)
    granted(board.reserve(child, tokens=41))
    assert [board.spent(job).tokens for job in ("parent", "child", "grandchild")] == [51, 51, 10]


def test_a_child_is_held_to_its_own_budget_besides(board: Board) -> None:
    parent = started(board, "parent", tokens=100)
    child = child_of(board, parent, "child", tokens=20)
    assert refusal(board.reserve(child, tokens=21)).job_id == "child"
    granted(board.reserve(parent, tokens=90))
    assert refusal(board.reserve(child, tokens=15)).job_id == "parent"


def test_a_refusal_that_nobody_can_lift_goes_before_one_that_a_person_can(board: Board) -> None:
    parent = started(board, "parent", tokens=10)
    child = child_of(board, parent, "child", tokens=5, on_limit="approve")
    assert refusal(board.reserve(child, tokens=50)).job_id == "parent"


def test_a_child_that_outlives_the_record_of_its_parent_spends_on(board: Board) -> None:
    parent = started(board, "parent", tokens=10)
    child = child_of(board, parent, "child")
    board.fail(parent)
    board.clock.advance(board.settings.retention_s + 1)
    board.run(board.transitions.prune())
    granted(board.reserve(child, tokens=50))
    assert not board.client.exists(board.keys.spent("parent"))


# Kinds


def test_the_budget_of_a_kind_is_that_of_a_job_without_one(board: Board) -> None:
    job_id = board.submit("job")
    claim = board.run(board.transitions.claim(job_id, "worker-1", "token", Terms(Budget(tokens=10))))
    assert isinstance(claim, Claim)
    assert claim.limited
    assert board.record("job").budget == Budget(tokens=10)
    assert refusal(board.reserve(claim, tokens=11)).allowed == 10


def test_a_budget_of_its_own_takes_the_place_of_that_of_its_kind(board: Board) -> None:
    job_id = board.submit("job", budget=Budget(tokens=50))
    claim = board.run(board.transitions.claim(job_id, "worker-1", "token", Terms(Budget(tokens=10))))
    assert isinstance(claim, Claim)
    granted(board.reserve(claim, tokens=50))


def test_a_replay_has_a_fresh_budget(board: Board) -> None:
    first = started(board, tokens=100)
    board.reserve(first, tokens=100)
    board.fail(first)
    again = board.start(board.submit("again", budget=Budget(tokens=100), origin="job", resumes=True))
    granted(board.reserve(again, tokens=100))


# Time


def test_time_begins_with_the_first_start_and_goes_on_through_crashes(board: Board, clock: Clock) -> None:
    job_id = board.submit("job", budget=Budget(wall_s=60))
    clock.advance(100)
    assert board.start(job_id).time_left_s == 60
    board.lose(job_id)
    lost_s = board.settings.lease_s + 1
    claim = board.start(job_id)
    assert claim.time_left_s == 60 - lost_s
    clock.advance(60 - lost_s)
    refused = refusal(board.reserve(claim, tokens=1))
    assert (refused.limit, refused.allowed, refused.spent) == ("wall_s", 60, 60)


def test_a_child_has_the_time_that_its_parent_has_left(board: Board, clock: Clock) -> None:
    parent = started(board, "parent", wall_s=60)
    clock.advance(45)
    assert child_of(board, parent, "child", wall_s=600).time_left_s == 15
    assert child_of(board, parent, "hasty", wall_s=5).time_left_s == 5


# As much again


def grant(board: Board, refused: Refusal, job_id: str = "job") -> None:
    assert board.run(board.spending.grant(refused, job_id))


def test_a_grant_allows_as_much_again_once(board: Board) -> None:
    claim = started(board, tokens=100, on_limit="approve")
    board.reserve(claim, 1, tokens=90)
    refused = refusal(board.reserve(claim, 2, tokens=90))
    assert (refused.on_limit, refused.key) == (OnLimit.APPROVE, "budget:job:1")
    grant(board, refused)
    grant(board, refused)
    granted(board.reserve(claim, 2, tokens=90))
    refused = refusal(board.reserve(claim, 3, tokens=90))
    assert (refused.allowed, refused.key) == (200, "budget:job:2")
    assert board.spent("job").grants == 1


def test_a_grant_of_time_counts_from_when_it_is_given(board: Board, clock: Clock) -> None:
    claim = started(board, wall_s=60, on_limit="approve")
    clock.advance(3600)
    grant(board, refusal(board.reserve(claim, tokens=1)))
    assert granted(board.reserve(claim, tokens=1)).time_left_s == 60


def test_a_grant_to_a_job_that_has_ended_lives_no_longer_than_its_record(board: Board) -> None:
    claim = started(board, tokens=1, on_limit="approve")
    refused = refusal(board.reserve(claim, tokens=2))
    board.fail(claim)
    grant(board, refused)
    board.clock.advance(board.settings.retention_s)
    board.run(board.transitions.prune())
    assert not board.client.exists(board.keys.spent("job"))


# Cheaper means


def test_cheaper_means_have_as_much_again_and_no_more(board: Board) -> None:
    claim = started(board, cost_usd=1, on_limit="cheaper")
    granted(board.reserve(claim, 1, cost_usd=0.9))
    assert refusal(board.reserve(claim, 2, cost_usd=0.2)).on_limit is OnLimit.CHEAPER
    granted(board.reserve(claim, 2, cost_usd=0.2, cheaper="job"))
    assert board.spent("job").cheaper
    refused = refusal(board.reserve(claim, 3, cost_usd=1, cheaper="job"))
    assert (refused.allowed, refused.spent) == (2, 1.1)


def test_a_job_on_cheaper_means_does_not_go_back(board: Board) -> None:
    claim = started(board, cost_usd=1, on_limit="cheaper")
    board.reserve(claim, 1, cost_usd=0.9)
    board.reserve(claim, 2, cost_usd=0.2, cheaper="job")
    board.book(claim, 1, cost_usd=0.1)
    assert refusal(board.reserve(claim, 3, cost_usd=0.1)).limit == "cost_usd"
    granted(board.reserve(claim, 4, tool_calls=1))


def test_cheaper_means_of_a_child_leave_its_parent_the_usual_ones(board: Board) -> None:
    parent = started(board, "parent", cost_usd=1, on_limit="cheaper")
    child = child_of(board, parent, "child", cost_usd=0.1, on_limit="cheaper")
    assert refusal(board.reserve(child, 1, cost_usd=0.2)).pot == "child"
    granted(board.reserve(child, 1, cost_usd=0.05, cheaper="child"))
    assert refusal(board.reserve(child, 2, cost_usd=0.05)).pot == "child"
    granted(board.reserve(parent, 1, cost_usd=0.5))


def test_cheaper_means_buy_no_time(board: Board, clock: Clock) -> None:
    claim = started(board, wall_s=60, on_limit="cheaper")
    clock.advance(60)
    assert refusal(board.reserve(claim, tokens=1, cheaper="job")).on_limit is OnLimit.FAIL


# A tenant's day


def test_all_jobs_of_a_tenant_share_its_day(board: Board) -> None:
    set_limits(board, tokens_per_day="100", cost_per_day_usd="2.5")
    one, two = started(board, "one"), started(board, "two")
    assert one.limited
    granted(board.reserve(one, tokens=60, cost_usd=2))
    refused = refusal(board.reserve(two, tokens=41))
    assert (refused.tenant, refused.day, refused.limit) == ("acme", TODAY, "tokens")
    assert (refused.allowed, refused.spent, refused.resets_in_s) == (100, 60, 12 * 3600)
    assert refusal(board.reserve(two, cost_usd=1)).limit == "cost_usd"
    assert day(board)["jobs"] == 1
    granted(board.reserve(two, tokens=1))
    assert day(board)["jobs"] == 2


def test_a_tenant_does_not_pay_for_another(board: Board) -> None:
    set_limits(board, tokens_per_day="100")
    board.reserve(started(board), tokens=100)
    other = board.start(board.submit("other", tenant="globex"))
    assert not other.limited
    granted(board.reserve(other, tokens=100))


def test_a_new_day_begins_at_midnight_in_utc(board: Board, clock: Clock) -> None:
    set_limits(board, tokens_per_day="100")
    claim = started(board)
    board.reserve(claim, 1, tokens=100)
    clock.advance(12 * 3600 - 0.001)
    assert refusal(board.reserve(claim, 2, tokens=1)).resets_in_s == 0.001
    clock.advance(0.001)
    granted(board.reserve(claim, 2, tokens=70))
    board.book(claim, 1, tokens=40)
    assert (day(board)["tokens"], day(board, "2026-03-02")["tokens"]) == (40, 70)


def test_a_clock_that_jumps_back_counts_on_the_day_that_it_shows(board: Board, clock: Clock) -> None:
    claim = started(board)
    board.reserve(claim, 1, in_any_case=True, tokens=10)
    clock.advance(-86_400)
    board.reserve(claim, 2, in_any_case=True, tokens=5)
    board.book(claim, 1, tokens=7)
    assert (day(board)["tokens"], day(board, "2026-02-28")["tokens"]) == (7, 5)


def test_a_day_that_is_forgotten_is_not_brought_back_by_a_late_truth(board: Board) -> None:
    claim = started(board)
    board.reserve(claim, in_any_case=True, tokens=10)
    board.client.delete(board.keys.spent_day("acme", TODAY))
    board.book(claim, tokens=7)
    assert not board.client.exists(board.keys.spent_day("acme", TODAY))


def test_a_day_and_its_spenders_are_kept_for_forty_days(board: Board) -> None:
    board.reserve(started(board), in_any_case=True, tokens=10)
    for key in (board.keys.spent_day("acme", TODAY), board.keys.spenders(TODAY)):
        assert int(board.client.pttl(key)) == pytest.approx(40 * DAY_MS, abs=60_000)
    assert board.client.smembers(board.keys.spenders(TODAY)) == {b"acme"}


def test_the_settings_for_all_tenants_hold_where_a_tenant_has_none_of_its_own(board: Board) -> None:
    set_limits(board, "*", tokens_per_day="10", on_budget="approve")
    set_limits(board, "acme", cost_per_day_usd="1")
    refused = refusal(board.reserve(started(board), tokens=11))
    assert (refused.allowed, refused.on_limit) == (10, OnLimit.APPROVE)


def test_the_word_none_lifts_the_limit_for_all_tenants(board: Board) -> None:
    set_limits(board, "*", tokens_per_day="10")
    set_limits(board, "acme", tokens_per_day="none")
    claim = started(board)
    assert not claim.limited
    granted(board.reserve(claim, tokens=11))


def test_a_tenant_whose_limit_is_zero_spends_nothing(board: Board) -> None:
    set_limits(board, tokens_per_day="0")
    assert refusal(board.reserve(started(board), tokens=1)).allowed == 0


@pytest.mark.parametrize("text", ["lots", "-1", "nan", "inf", "1,000", "[]"])
def test_a_limit_that_is_no_number_stops_the_tenant_and_names_the_setting(board: Board, text: str) -> None:
    set_limits(board, cost_per_day_usd=text)
    answer = board.reserve(started(board), tokens=1)
    assert isinstance(answer, TenantLimitInvalid)
    assert (answer.tenant, answer.field, answer.value) == ("acme", "cost_per_day_usd", text)


@pytest.mark.parametrize("text", ["", "stop", "FAIL"])
def test_what_to_do_at_a_tenants_limit_is_to_fail_unless_it_says_otherwise(board: Board, text: str) -> None:
    set_limits(board, tokens_per_day="1", on_budget=text)
    assert refusal(board.reserve(started(board), tokens=2)).on_limit is OnLimit.FAIL


def test_a_grant_past_a_day_is_for_one_job_and_for_as_much_again(board: Board) -> None:
    set_limits(board, tokens_per_day="100", on_budget="approve")
    claim, other = started(board), started(board, "other")
    board.reserve(other, 1, tokens=100)
    refused = refusal(board.reserve(claim, 1, tokens=50))
    assert refused.key == f"budget:{TODAY}:1"
    grant(board, refused)
    granted(board.reserve(claim, 1, tokens=50))
    assert refusal(board.reserve(other, 2, tokens=1)).allowed == 100
    assert refusal(board.reserve(claim, 2, tokens=51)).allowed == 200


def test_a_day_has_as_much_again_for_cheaper_means(board: Board) -> None:
    set_limits(board, tokens_per_day="100", on_budget="cheaper")
    claim = started(board)
    granted(board.reserve(claim, 1, tokens=100))
    assert refusal(board.reserve(claim, 2, tokens=50)).on_limit is OnLimit.CHEAPER
    granted(board.reserve(claim, 2, tokens=100, cheaper=TODAY))
    assert refusal(board.reserve(claim, 3, tokens=1, cheaper=TODAY)).allowed == 200


# Large numbers


def test_large_amounts_are_exact(board: Board) -> None:
    claim = started(board, tokens=10**12, cost_usd=1_000_000)
    board.reserve(claim, tokens=10**12, cost_usd=999_999.999999)
    spent = board.spent("job")
    assert (spent.tokens, spent.cost_usd) == (10**12, 999_999.999999)


def test_a_record_written_before_there_were_budgets_reads_as_one_without(board: Board) -> None:
    started(board)
    board.client.hset(board.keys.job("job"), "usage", to_json({"requests": 2, "input_tokens": 7}))
    usage = board.record("job").usage
    assert usage is not None
    assert (usage.requests, usage.cost_usd) == (2, None)
    assert (board.record("job").budget, board.record("job").spent) == (None, None)


# Calls under way


def test_what_a_call_under_way_holds_may_come_back_and_refuses_only_for_now(board: Board) -> None:
    claim = started(board, tokens=100)
    board.reserve(claim, 1, tokens=30)
    board.book(claim, 1)
    board.reserve(claim, 2, tokens=50)
    assert refusal(board.reserve(claim, 3, tokens=40)).pending
    assert not refusal(board.reserve(claim, 3, tokens=71)).pending
    board.book(claim, 2, tokens=45)
    assert not refusal(board.reserve(claim, 3, tokens=40)).pending
    granted(board.reserve(claim, 3, tokens=25))


def test_calls_of_other_jobs_hold_what_they_have_set_aside_of_a_day(board: Board) -> None:
    set_limits(board, tokens_per_day="100")
    one, two = started(board, "one"), started(board, "two")
    board.reserve(one, tokens=80)
    assert refusal(board.reserve(two, tokens=40)).pending
    board.book(one, tokens=10)
    granted(board.reserve(two, tokens=40))


def test_nobody_waits_for_the_calls_of_a_lost_attempt_once_another_spends(board: Board) -> None:
    lost = started(board, tokens=100)
    board.reserve(lost, tokens=80)
    board.lose("job")
    assert not refusal(board.reserve(board.start("job"), tokens=40)).pending


def test_nobody_waits_for_ever_for_calls_that_are_lost(board: Board, clock: Clock) -> None:
    set_limits(board, tokens_per_day="100")
    lost, other = started(board, "lost"), started(board, "other")
    board.reserve(lost, tokens=80)
    clock.advance(900)
    assert refusal(board.reserve(other, tokens=40)).pending
    clock.advance(1)
    assert not refusal(board.reserve(other, tokens=40)).pending


def test_a_refusal_that_stays_goes_before_one_that_may_pass(board: Board) -> None:
    parent = started(board, "parent", tokens=100)
    child = child_of(board, parent, "child", tokens=30, on_limit="approve")
    board.reserve(parent, tokens=80)
    assert refusal(board.reserve(child, tokens=40)).pot == "child"
    assert refusal(board.reserve(child, tokens=25)).pot == "parent"
