"""Agents of the OpenAI Agents SDK before a provider: what is streamed, limited, counted and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, SessionABC, function_tool
from openai import AsyncOpenAI

from backdesk.client import JobClient
from backdesk.testing import Bench, sandbox
from backdesk.worker import TaskContext, TaskError, task
from openai_agents_backdesk import AgentJobRequest, ConversationSession, agent_job
from tests.support.openai_simulator import CutStream, Fault, OpenAISimulator, Text, call

KIND = "plugin.run"


@pytest.fixture
def provider() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as simulator:
        yield simulator


def clerk(provider: OpenAISimulator, calls: list[int] | None = None) -> Agent[Any]:
    @function_tool
    def look() -> str:
        """Look up where the parcel is."""
        (calls if calls is not None else []).append(1)
        return "in Hamburg"

    # No connection outlives its request: nobody would close it.
    once = {"Connection": "close"}
    client = AsyncOpenAI(base_url=provider.url, api_key="sk-test", max_retries=0, default_headers=once)
    return Agent("clerk", tools=[look], model=OpenAIChatCompletionsModel("gpt-4o-mini", client))


def test_who_watches_is_told_the_text_as_it_comes(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(call("look"), Text("It is in Hamburg."))
    agent_job(clerk(provider), kind=KIND)
    job = bench.run(KIND, {"message": "Where is it?"})
    assert job.result.answer == job.text == "It is in Hamburg."
    assert [received.streamed for received in provider.requests] == [True, True]
    assert job.result.usage.input_tokens == 20


def test_what_nobody_watches_is_not_streamed(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(call("look"), Text("It is in Hamburg."))
    agent_job(clerk(provider), kind=KIND)
    bench.watched = False
    assert bench.run(KIND, {"message": "Where is it?"}).result.answer == "It is in Hamburg."
    assert [received.streamed for received in provider.requests] == [False, False]


@pytest.mark.parametrize(
    "fault", [Fault.error(429, "rate_limit_exceeded", retry_after="3"), Fault.error(500, "down"), CutStream("We are")]
)
def test_a_provider_that_fails_is_asked_again_and_nothing_finished_is_repeated(
    bench: Bench, provider: OpenAISimulator, fault: Any
) -> None:
    provider.will(call("look"), fault, Text("In Hamburg."))
    calls: list[int] = []
    agent_job(clerk(provider, calls), kind=KIND)
    job = bench.run(KIND, {"message": "Where is it?"})
    assert job.result.answer == "In Hamburg."
    assert (len(provider.requests), calls) == (3, [1])


def test_requests_keep_to_the_limits_of_the_fleet_and_their_job_waits_for_room(
    bench: Bench, provider: OpenAISimulator
) -> None:
    with JobClient(settings=bench.settings, checks={}) as client:
        client.limits.services.set(provider.url.split("/")[2] + "/gpt-4o-mini", requests_per_minute=1)
    provider.will(call("look"), Text("In Hamburg."))
    agent_job(clerk(provider), kind=KIND)
    job = bench.run(KIND, {"message": "Where?"})
    assert (job.result.answer, len(provider.requests)) == ("In Hamburg.", 2)
    assert [attempt.outcome for attempt in job.record.attempts] == ["limited"]


def test_wrong_credentials_fail_at_once(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(Fault.error(401, "invalid_api_key"))
    agent_job(clerk(provider), kind=KIND)
    error = bench.run(KIND, {"message": "Where is it?"}).error
    assert error is not None
    assert (error.code, len(provider.requests)) == ("http_401", 1)


def test_what_it_costs_is_counted_by_the_prices_of_the_deployment(
    bench: Bench, provider: OpenAISimulator, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"gpt-4o-mini": {"input": 1000000, "output": 2000000}}')
    provider.will(Text("In Hamburg."))
    agent_job(clerk(provider), kind=KIND)
    with sandbox(prices=prices):
        job = bench.run(KIND, {"message": "Where is it?"})
    assert job.result.usage.cost_usd == 10 + 2 * 5


@pytest.mark.parametrize("watched", [True, False])
def test_what_was_sent_is_kept_as_it_was_posted(bench: Bench, provider: OpenAISimulator, watched: bool) -> None:
    provider.will(call("look"), Text("In Hamburg."))
    agent_job(clerk(provider), kind=KIND)
    bench.watched = watched
    job = bench.run(KIND, {"message": "Where is it?"})
    with JobClient(settings=bench.settings, checks={}) as client:
        sent = client.sent(job.id)
    assert [each.body for each in sent] == [received.body for received in provider.requests]
    assert [(each.call_id, each.agent, each.model, each.missing) for each in sent] == [
        *(("1.1", "clerk", "gpt-4o-mini", None), ("1.2", "clerk", "gpt-4o-mini", None))
    ]


def test_of_jobs_that_share_a_client_each_keeps_its_own(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(Text("In Hamburg."), Fault.error(500, "down"), Text("In Bremen."))
    agent_job(clerk(provider), kind=KIND)
    jobs = [bench.run(KIND, {"message": f"My card is 4111 1111 1111 1111, where is {at}?"}) for at in ("A", "B")]
    with JobClient(settings=bench.settings, checks={}) as client:
        bodies = [[each.body or {} for each in client.sent(job.id)] for job in jobs]
    said = [[body["messages"][-1]["content"] for body in each] for each in bodies]
    assert said == [["My card is [masked-card], where is A?"], ["My card is [masked-card], where is B?"] * 2]


async def _used(session: SessionABC) -> list[Any]:
    await session.add_items([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}])
    popped = await session.pop_item()
    return [popped, await session.get_items(), await session.get_items(1), await session.get_items(0)]


def test_a_session_gives_back_what_this_job_has_said_and_nothing_of_former_ones(bench: Bench) -> None:
    seen: list[Any] = []

    @task(KIND)
    async def body(ctx: TaskContext, request: AgentJobRequest) -> AgentJobRequest:
        session = ConversationSession(ctx, "c-1")
        seen.append([await session.get_items(), *await _used(session)])
        await session.pop_item()
        try:
            seen.append(await session.pop_item())
            await session.clear_session()
        except TaskError as error:
            seen.append(error.code)
        await session.add_items([{"role": "user", "content": request.message}])
        return request

    one = {"role": "user", "content": "one"}
    bench.run(KIND, {"message": "first"})
    assert seen == [[[], {"role": "user", "content": "two"}, [one], [one], []], None]
    seen.clear()
    bench.run(KIND, {"message": "second"})
    assert seen[0][0] == [{"role": "user", "content": "first"}]
    assert seen[1] == "conversation_kept"
