"""Limits of outside services and their breakers, as clients set and see them."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from backdesk.client.async_client import AsyncJobClient
from backdesk.client.job_client import JobClient
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.service import BreakerState, Limits, Resource, Scope, Went
from backdesk.worker.settings import Settings
from backdesk.worker.store.services import Reservations
from tests.support.board import Board
from tests.support.outside import MODEL, Outside


@pytest.fixture
def jobs(settings: Settings) -> JobClient:
    return JobClient(settings=settings, checks={})


@pytest.fixture
def outside(client: redis.Redis, settings: Settings) -> Outside:
    """Calls under the server's own clock, which clients go by."""
    outside = Outside(Board(client, settings))
    outside.reservations = Reservations(settings)
    return outside


@pytest.mark.parametrize(
    "scope",
    ["openai/gpt-4o", "openai/gpt-4o#3fa9c1d2", "tenant acme", "tenant *", "openai/gpt-4o#3fa9c1d2 tenant acme"],
)
def test_limits_are_set_listed_replaced_and_removed(jobs: JobClient, scope: str) -> None:
    assert jobs.set_service_limits(scope, requests_per_minute=5) == Limits(requests_per_minute=5)
    jobs.set_service_limits(scope, tokens_per_minute=1000, concurrent=2)
    (status,) = jobs.service_limits()
    assert (status.scope, status.limits) == (scope, Limits(tokens_per_minute=1000, concurrent=2))
    assert jobs.remove_service_limits(scope)
    assert not jobs.remove_service_limits(scope)
    assert jobs.service_limits() == []


@pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), float("inf"), "5", True, 10**13])
@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_minute", "concurrent"])
def test_a_limit_that_is_no_whole_number_from_one_is_refused(jobs: JobClient, field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        jobs.set_service_limits("openai/gpt-4o", **{field: value})
    assert caught.value.field == field
    assert jobs.service_limits() == []


def test_no_limit_at_all_is_refused(jobs: JobClient) -> None:
    with pytest.raises(InvalidRequest, match="at least one of"):
        jobs.set_service_limits("openai/gpt-4o")


@pytest.mark.parametrize(
    "scope",
    [
        "",
        " ",
        "tenant",
        "tenant a b",
        "openai/gpt-4o#",
        "#3fa9c1d2",
        "gpt 4o",
        "openai/gpt-4o tenant",
        "tenant a*",
        None,
    ],
)
def test_a_scope_that_is_none_is_refused(jobs: JobClient, scope: Any) -> None:
    with pytest.raises(InvalidRequest):
        jobs.set_service_limits(scope, concurrent=1)


def test_a_scope_is_read_as_it_is_written() -> None:
    for text in ("a/b", "a/b#k", "tenant t", "tenant *", "a/b tenant *", "a/b#k tenant t"):
        assert str(Scope.parse(text)) == text


def test_each_bucket_is_shown_under_the_scope_that_counts_for_it(jobs: JobClient, outside: Outside) -> None:
    jobs.set_service_limits("openai/gpt-4o", requests_per_minute=60)
    jobs.set_service_limits("openai/gpt-4o#3fa9c1d2", requests_per_minute=30, concurrent=9)
    jobs.set_service_limits("tenant *", tokens_per_minute=60_000)
    outside.granted(tokens=3000)
    outside.granted(of=Resource("openai/gpt-4o"), tokens=600)
    shown = {status.scope: status for status in jobs.service_limits()}
    assert [each.bucket for each in shown["openai/gpt-4o"].buckets] == ["openai/gpt-4o"]
    (own,) = shown["openai/gpt-4o#3fa9c1d2"].buckets
    assert (own.calls, own.parked) == (1, 0)
    assert own.requests_ahead_s == pytest.approx(1.7, abs=0.3)
    (tenant,) = shown["tenant *"].buckets
    assert tenant.bucket == "tenant acme"
    assert tenant.tokens_ahead_s == pytest.approx(3.3, abs=0.5)


def test_a_service_on_hold_is_shown_though_it_has_no_limits(jobs: JobClient, outside: Outside) -> None:
    outside.settle(outside.call(), Went.LIMITED, hold_s=60)
    (status,) = jobs.service_limits()
    assert (status.scope, status.limits) == (MODEL.bucket, None)
    assert status.buckets[0].held_until is not None


def test_a_breaker_is_shown_from_its_first_failure_on(jobs: JobClient, outside: Outside) -> None:
    assert jobs.breakers() == []
    outside.fail(2)
    (closed,) = jobs.breakers()
    assert (closed.resource, closed.state, closed.failures) == (MODEL.name, BreakerState.CLOSED, 2)
    outside.fail(3)
    job_id = outside.parked(wait_s=0)
    (opened,) = jobs.breakers()
    assert (opened.state, opened.failures, opened.parked, opened.by_hand) == (BreakerState.OPEN, 5, 1, False)
    assert opened.since is not None
    assert opened.next_probe is not None
    assert (opened.next_probe - opened.since).total_seconds() == 2
    assert outside.board.record(job_id).state == "scheduled"


@pytest.mark.parametrize("for_", [None, 60])
def test_a_breaker_is_switched_by_hand(jobs: JobClient, for_: float | None) -> None:
    assert jobs.open_breaker("openai/gpt-4o", for_) is BreakerState.CLOSED
    (opened,) = jobs.breakers()
    assert (opened.state, opened.by_hand, opened.next_probe) == (BreakerState.OPEN, True, None)
    assert (opened.until is None) is (for_ is None)
    assert jobs.close_breaker("openai/gpt-4o") is BreakerState.OPEN
    assert jobs.breakers()[0].state is BreakerState.CLOSED


@pytest.mark.parametrize("for_", [0, -1, float("nan"), 10**9, "long", True])
def test_a_time_that_is_none_is_refused(jobs: JobClient, for_: Any) -> None:
    with pytest.raises(InvalidRequest, match="30 days"):
        jobs.open_breaker("openai/gpt-4o", for_)


def test_a_breaker_needs_the_name_of_a_service(jobs: JobClient) -> None:
    for switch in (jobs.open_breaker, jobs.close_breaker):
        with pytest.raises(InvalidRequest, match="gpt 4o"):
            switch("gpt 4o")


async def test_the_asyncio_client_does_the_same(settings: Settings) -> None:
    async with AsyncJobClient(settings=settings, checks={}) as jobs:
        await jobs.set_service_limits("openai/gpt-4o", concurrent=3)
        assert [status.limits for status in await jobs.service_limits()] == [Limits(concurrent=3)]
        assert await jobs.remove_service_limits("openai/gpt-4o")
        assert await jobs.open_breaker("openai/gpt-4o") is BreakerState.CLOSED
        assert await jobs.close_breaker("openai/gpt-4o") is BreakerState.OPEN
        assert [status.state for status in await jobs.breakers()] == [BreakerState.CLOSED]
