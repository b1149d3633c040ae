"""Requests of the agents to their model, within what the whole fleet may ask of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import redis

from backdesk.agents.failures import ModelFailure
from backdesk.agents.metering import Estimates, RequestUsage
from backdesk.agents.provider import make_model
from backdesk.client import JobClient
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.kinds.support.rules import decide
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from backdesk.platform.settings import load_settings
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.service_call import ServiceCalls
from backdesk.worker.errors import ConfigurationError, Limited
from backdesk.worker.model.service import BreakerState, Resource, Went, Why, fingerprint_of
from backdesk.worker.settings import Settings
from backdesk.worker.store.services import Reservations
from backdesk.worker.store.writer import StoreWriter
from tests.support.contexts import ledger_of, parts_of
from tests.support.eventually import eventually
from tests.support.openai_simulator import CutStream, Fault, OpenAISimulator, Text, call
from tests.support.recording import Recording, claim_of

SECRET = "sk-secret-of-the-test"
TO_REFUND = call("hand_over", to="refund", reason="wants money back")
DONE = Text("Your parcel is on its way.")
REFUND = SupportRequest(message="I return order 10003", customer_id="cust-3")

Asked = Callable[..., TaskContext]


@pytest.fixture
def limits(settings: Settings) -> Iterator[JobClient]:
    with JobClient(settings=settings, checks={}) as client:
        yield client


@pytest.fixture
def context(client: redis.Redis, settings: Settings) -> Iterator[Asked]:
    """A context whose calls of services go through a real store."""
    writer = StoreWriter(client)

    def make(job_id: str = "job-1", *, watched: bool = False, wait_s: float = 5.0) -> TaskContext:
        claim = claim_of(job_id)
        services = ServiceCalls(
            claim,
            writer.submit,
            Reservations(settings),
            wait_s=wait_s,
            classify=classify,
            random=random.random,
            sleep=asyncio.sleep,
        )
        parts = parts_of(claim, Recording(watched=watched), ledger_of(claim))
        return TaskContext(claim, replace(parts, services=services))

    yield make
    writer.close()


def resource_of(provider: OpenAISimulator, model: str = "gpt-4o-mini") -> str:
    return f"{provider.url.removeprefix('http://').removesuffix('/v1')}/{model}"


def models(provider: OpenAISimulator) -> list[str]:
    return [request.body["model"] for request in provider.requests]


async def ask(context: TaskContext, request: SupportRequest = REFUND) -> SupportResult:
    return await support_request(context, request)


@pytest.mark.parametrize("watched", [False, True])
async def test_every_request_is_reserved_by_an_estimate_and_trued_up(
    provider: OpenAISimulator, context: Asked, limits: JobClient, watched: bool
) -> None:
    provider.will(TO_REFUND, DONE)
    limits.limits.services.set(resource_of(provider), tokens_per_minute=1_000_000, concurrent=1)
    await ask(context(watched=watched))
    eventually(lambda: limits.limits.services.list()[0].buckets[0].calls == 0, what="the settlement of the last")
    (bucket,) = limits.limits.services.list()[0].buckets
    assert bucket.bucket == f"{resource_of(provider)}#{fingerprint_of(SECRET)}"
    # Twice 15 tokens were used; a single estimate of an answer would be 22 ms of the rate.
    assert bucket.tokens_ahead_s < 0.01


async def test_a_key_is_known_to_redis_by_its_fingerprint_alone(
    provider: OpenAISimulator, context: Asked, limits: JobClient, client: redis.Redis
) -> None:
    provider.will(TO_REFUND, DONE)
    limits.limits.services.set(resource_of(provider), requests_per_minute=60_000)
    limits.limits.services.set("tenant *", concurrent=100)
    with client.monitor() as monitor:
        await ask(context())
        client.echo("the end")
        seen = []
        while "the end" not in (command := monitor.next_command()["command"]):
            seen.append(command)
    assert any(fingerprint_of(SECRET) in command for command in seen)
    assert not any(SECRET in command for command in seen)


async def test_the_offline_model_has_limits_too(shop: Database, context: Asked, limits: JobClient) -> None:
    limits.limits.services.set("offline/rules", requests_per_minute=1)
    with pytest.raises(Limited) as caught:
        await ask(context())
    assert (caught.value.resource, caught.value.why) == ("offline/rules", Why.RATE)


@pytest.mark.parametrize("watched", [False, True])
async def test_a_busy_provider_holds_the_next_request_of_any_job(
    provider: OpenAISimulator, context: Asked, watched: bool
) -> None:
    provider.will(Fault.error(429, "rate_limit_exceeded", Retry_After="30"))
    with pytest.raises(Exception, match="limits the rate"):
        await ask(context("job-1", watched=watched))
    with pytest.raises(Limited) as caught:
        await ask(context("job-2", watched=watched))
    assert caught.value.why == Why.HOLD
    assert 10 < caught.value.retry_after_s <= 30
    assert len(provider.requests) == 1


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("fault", "fails"),
    [
        (Fault(503), True),
        (Fault(500), True),
        (Fault.error(400, "bad"), False),
        (Fault.error(401, "no"), False),
        (Fault(200, "<html>", content_type="text/html"), False),
    ],
)
async def test_what_counts_against_a_provider(
    provider: OpenAISimulator, context: Asked, limits: JobClient, *, fault: Fault, fails: bool, watched: bool
) -> None:
    provider.will(fault)
    with pytest.raises(Exception):  # noqa: B017, PT011 - which is the business of other tests
        await ask(context(watched=watched))
    assert [each.failures for each in limits.breakers.list()] == [1] * fails


@pytest.fixture
def with_fallback(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> OpenAISimulator:
    monkeypatch.setenv("BACKDESK_FALLBACK_MODEL", "small-one")
    reset()
    return provider


@pytest.mark.parametrize("watched", [False, True])
async def test_a_model_that_is_known_to_fail_is_stood_in_for(
    with_fallback: OpenAISimulator, context: Asked, limits: JobClient, watched: bool
) -> None:
    limits.breakers.open(resource_of(with_fallback))
    with_fallback.will(TO_REFUND, DONE)
    result = await ask(context(watched=watched))
    assert (result.answer, result.model, result.degraded) == (DONE.text, "small-one", "fallback_model")
    assert models(with_fallback) == ["small-one", "small-one"]


async def test_an_answer_of_the_model_itself_is_not_marked(with_fallback: OpenAISimulator, context: Asked) -> None:
    with_fallback.will(TO_REFUND, DONE)
    assert (await ask(context())).degraded is None


@pytest.mark.parametrize("fault", [Fault(503), CutStream("Your mon"), Fault.error(429, "rate_limit_exceeded")])
async def test_a_stream_that_breaks_leaves_its_seat(
    provider: OpenAISimulator, context: Asked, limits: JobClient, fault: Fault | CutStream
) -> None:
    limits.limits.services.set(resource_of(provider), concurrent=1)
    provider.will(TO_REFUND, fault)
    with pytest.raises(ModelFailure):
        await ask(context(watched=True))
    eventually(lambda: limits.limits.services.list()[0].buckets[0].calls == 0, what="the seat to be left")


async def test_without_a_fallback_the_job_waits_for_the_model(
    provider: OpenAISimulator, context: Asked, limits: JobClient
) -> None:
    limits.breakers.open(resource_of(provider))
    with pytest.raises(Limited) as caught:
        await ask(context())
    assert (caught.value.why, caught.value.line) == (Why.BREAKER, f"breaker {resource_of(provider)}")
    assert provider.requests == []


@pytest.mark.parametrize("watched", [False, True])
async def test_a_request_that_opens_the_breaker_is_made_again_of_the_fallback(
    with_fallback: OpenAISimulator, context: Asked, settings: Settings, client: redis.Redis, watched: bool
) -> None:
    primary = make_model(load_settings(), decide)
    reservations = Reservations(settings)
    for number in range(4):
        failed = reservations.settle(f"other:1:{number}", Resource(primary.resource), Went.FAILED)
        client.eval(failed.script.text, 0, *failed.arguments)
    with_fallback.will(Fault(503), TO_REFUND, DONE)
    with pytest.raises(Limited) as caught:
        await ask(context(watched=watched))
    assert (caught.value.line, caught.value.retry_after_s) == ("", 0.1), "the next attempt need not wait for a probe"
    await ask(context("job-2", wait_s=0.1))
    assert models(with_fallback) == ["gpt-4o-mini", "small-one", "small-one"]


async def test_when_both_are_known_to_fail_the_job_waits(
    with_fallback: OpenAISimulator, context: Asked, limits: JobClient
) -> None:
    for model in ("gpt-4o-mini", "small-one"):
        assert limits.breakers.open(resource_of(with_fallback, model)) == BreakerState.CLOSED
    with pytest.raises(Limited) as caught:
        await ask(context())
    assert caught.value.why == Why.BREAKER


@pytest.mark.parametrize(
    ("base_url", "model", "resource"),
    [
        (None, "gpt-4o", "openai/gpt-4o"),
        (None, "responses:gpt-5", "openai/gpt-5"),
        ("http://localhost:11434/v1", "llama3:8b", "localhost:11434/llama3:8b"),
        ("https://user:pass@llm.example.com/v1", "org/m", "llm.example.com/org/m"),
        ("http://[::1]:8080/v1", "a b", "1:8080/a-b"),
    ],
)
def test_a_model_is_named_by_its_provider_and_its_name(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None, model: str, resource: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("BACKDESK_MODEL", model)
    if base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    handle = make_model(load_settings(), decide)
    assert (handle.resource, handle.key) == (resource, fingerprint_of(SECRET))


def test_a_fallback_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_FALLBACK_MODEL", "gpt-4o-mini")
    with pytest.raises(ConfigurationError, match="BACKDESK_FALLBACK_MODEL"):
        load_settings()


def test_estimates_follow_what_requests_really_take() -> None:
    estimates = Estimates()
    assert estimates.of(400, None) == (100, 360)
    assert estimates.of(400, 50) == (100, 50)
    for _ in range(60):
        estimates.learn(400, RequestUsage(200, 1000))
    read, written = estimates.of(400, None)
    assert read == pytest.approx(200, rel=0.02)
    assert written == pytest.approx(1200, rel=0.02)
    estimates.learn(400, RequestUsage(0, 0))
    assert estimates.of(400, None) == (read, written), "a provider that tells nothing teaches nothing"
