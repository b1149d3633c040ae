"""Where a run goes on after a worker is lost, and what people decide meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterable
from datetime import timedelta
from typing import Any

import pytest
from pydantic_ai import Agent, CallDeferred, DeferredToolRequests, DeferredToolResults, RunContext
from pydantic_ai.capabilities import ProcessEventStream, RequestInput

from backdesk.client import JobClient
from backdesk.testing import Bench
from backdesk.worker.model.asks import AskType
from pydantic_ai_backdesk import AskPeople, BackdeskDurability, resolve_token
from tests.plugins.pydantic_ai_backdesk.support import (
    IDEMPOTENT,
    KIND,
    PURE,
    Script,
    as_kind,
    call,
    durable_agent,
    give,
    steps,
)


def test_killed_at_each_write_a_run_repeats_no_finished_step(bench: Bench) -> None:
    script = Script((call("look", "c1"), call("note", "c2")), call("note", "c3"), "done")
    agent, calls = durable_agent(script), list[str]()

    @agent.tool_plain(metadata=PURE)
    def look() -> str:
        calls.append("look")
        return "a kettle"

    @agent.tool(metadata=IDEMPOTENT)
    def note(ctx: RunContext[Any]) -> str:
        calls.append(f"note {ctx.tool_call_id}")
        return "noted"

    as_kind(lambda: agent.run("go"), ends=1)
    for after in itertools.count():
        calls.clear()
        script.requests = 0
        job = bench.submit(KIND, {})
        died = bench.lose(job, after=after)
        finished = len(steps(job))
        assert bench.go_on(job).result.output == "done"
        assert len(steps(job)) == 6
        # What was under way as the worker died, and told nobody, is all that was done twice.
        assert len(calls) + script.requests == 6 + (died and finished < 6)
        if not died:
            break
    assert after == 7


def test_killed_at_each_write_an_unsafe_tool_is_called_once_and_a_person_is_asked_what_became_of_it(
    bench: Bench,
) -> None:
    script = Script(call("pay"), "done")
    agent, paid = durable_agent(script), list[int]()

    @agent.tool_plain
    def pay() -> str:
        paid.append(1)
        return "paid"

    as_kind(lambda: agent.run("go"), ends=1)
    asked = []
    for after in itertools.count():
        paid.clear()
        job = bench.submit(KIND, {})
        died = bench.lose(job, after=after)
        if bench.go_on(job).state == "waiting":
            asked.append(after)
            assert [ask.type for ask in job.asks] == [AskType.OUTCOME]
            bench.resolve(job, "done" if paid else "repeat", "paid by hand" if paid else None)
        assert job.result.output == "done"
        assert len(paid) == 1
        if not died:
            break
    assert asked == [2]  # between the announcement of the call and its record


def test_a_person_who_says_that_a_call_is_done_says_what_the_model_is_told(bench: Bench) -> None:
    agent = durable_agent(Script(call("pay"), "done"))

    @agent.tool_plain
    def pay() -> str:
        raise RuntimeError("the line broke")

    told: list[Any] = []

    async def run() -> Any:
        done = await agent.run("go")
        told.append([part.content for part in done.all_messages()[2].parts if part.part_kind == "tool-return"])
        return done

    as_kind(run)
    job = bench.run(KIND)
    assert job.asks[0].facts["error"] == "RuntimeError: the line broke"
    bench.resolve(job, "done", {"receipt": 7})
    assert told == [[{"receipt": 7}], [{"receipt": 7}]]


@pytest.mark.parametrize(
    ("metadata", "said"), [({"effect": "harmless"}, "effect"), ({"retries": 3}, "retries"), ("unsafe", "unsafe")]
)
def test_a_tool_with_metadata_that_mean_nothing_is_refused(bench: Bench, metadata: Any, said: str) -> None:
    agent = durable_agent(Script(call("act"), "done"))
    give(agent, "act", lambda: "never", metadata={"backdesk": metadata})
    as_kind(lambda: agent.run("go"))
    error = bench.run(KIND).error
    assert error is not None
    assert error.code == "agent_misused"
    assert "'act'" in error.message
    assert said in error.message


def test_a_call_has_the_same_name_for_the_outside_world_in_every_attempt(bench: Bench) -> None:
    agent, names = durable_agent(Script(call("pay"), "done")), list[str]()

    @agent.tool(metadata=IDEMPOTENT)
    def pay(ctx: RunContext[Any]) -> str:
        names.append(f"{ctx.run_id}/{ctx.tool_call_id}")
        return "paid"

    as_kind(lambda: agent.run("go"), ends=1)
    job = bench.submit(KIND, {})
    assert bench.lose(job, after=1)  # it is made, and not recorded
    assert bench.go_on(job).state == "succeeded"
    assert names == [f"{job.id}:run:clerk/c1"] * 2


def test_a_tool_may_stay_out_of_the_ledger(bench: Bench) -> None:
    agent, calls = durable_agent(Script(call("clock"), "done")), list[int]()

    @agent.tool_plain(metadata={"backdesk": False})
    async def clock() -> str:
        calls.append(1)
        return "noon"

    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert len(calls) == 2
    assert not any("clock" in key for key in steps(job))


def test_a_kept_step_that_no_longer_fits_fails_the_job_and_calls_nothing_again(bench: Bench) -> None:
    agent, calls = durable_agent(Script(call("act"), "done")), list[int]()

    @agent.tool_plain
    def act() -> str:
        calls.append(1)
        return "acted"

    as_kind(lambda: agent.run("go"), ends=1)
    job = bench.submit(KIND, {})
    bench.lose(job, after=3)
    ledger = bench._keys.ledger(job.id)
    (key,) = [key for key in bench._redis.hkeys(ledger) if b"call_tool" in key]
    bench._redis.hset(ledger, key, b'{"state":"done","value":{"payload":{"kind":"of another time"}}}')
    error = bench.go_on(job).error
    assert error is not None
    assert error.code == "step_unreadable"
    assert len(calls) == 1


def test_a_call_whose_outcome_nobody_knows_lets_those_beside_it_finish(bench: Bench) -> None:
    script = Script((call("pay", "c1"), call("look", "c2")), "done")
    durability = BackdeskDurability[Any](parallel_execution_mode="parallel_ordered_events")
    agent, calls = Agent(script.model, name="clerk", capabilities=[durability]), list[str]()

    @agent.tool_plain
    async def pay() -> str:
        calls.append("pay")
        raise RuntimeError("the line broke")

    @agent.tool_plain(metadata=IDEMPOTENT)
    async def look() -> str:
        calls.append("look")
        return "a kettle"

    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert [ask.name for ask in job.asks] == ["outcome:clerk__function_toolset__agent.call_tool:pay/c1"]
    bench.resolve(job, "done", "paid")
    assert (job.result.output, sorted(calls), script.requests) == ("done", ["look", "pay"], 2)


def test_an_agent_that_is_a_tool_of_another_goes_on_where_it_was_too(bench: Bench) -> None:
    inner_script, outer_script = Script(call("look"), "a kettle"), Script(call("delegate"), "done")
    inner, outer = durable_agent(inner_script, "helper"), durable_agent(outer_script)
    looked: list[int] = []

    @inner.tool_plain(metadata=IDEMPOTENT)
    def look() -> str:
        looked.append(1)
        return "a kettle"

    @outer.tool_plain(metadata=PURE)
    async def delegate() -> str:
        return str((await inner.run("look it up")).output)

    as_kind(lambda: outer.run("go"), ends=1)
    job = bench.submit(KIND, {})
    assert bench.lose(job, after=2)  # in the middle of the helper's run
    assert bench.go_on(job).result.output == "done"
    assert steps(job)[:2] == ["clerk__model.request", "helper__model.request"]
    assert (inner_script.requests, outer_script.requests) == (2, 2)


# --- streams ---


def test_who_watches_is_told_the_text_as_it_comes_and_once(bench: Bench) -> None:
    script = Script("Two kettles are on their way.")
    agent = Agent(script.streaming, name="clerk", capabilities=[BackdeskDurability()])
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert job.text.strip() == "Two kettles are on their way."
    assert (steps(job), script.requests) == (["clerk__model.request"], 1)


async def ignore(_ctx: RunContext[Any], events: AsyncIterable[Any]) -> None:
    async for _ in events:
        pass


@pytest.mark.parametrize("whose", ["the agent's", "the run's"])
def test_who_watches_is_told_the_text_also_of_an_agent_with_a_handler_of_its_own(bench: Bench, whose: str) -> None:
    script = Script(call("look"), "all done")
    own = [ProcessEventStream(ignore)] if whose == "the agent's" else []
    agent = Agent(script.streaming, name="clerk", capabilities=[*own, BackdeskDurability()])
    give(agent, "look", lambda: "a kettle", metadata=PURE)
    as_kind(lambda: agent.run("go", event_stream_handler=None if own else ignore))
    job = bench.run(KIND)
    assert (job.result.output, job.text) == ("all done ", "all done ")
    assert script.requests == 2


def test_what_nobody_watches_is_not_streamed_and_goes_by_the_same_steps(bench: Bench) -> None:
    script = Script("done")
    agent = Agent(script.streaming, name="clerk", capabilities=[BackdeskDurability()])
    as_kind(lambda: agent.run("go"))
    bench.watched = False
    job = bench.run(KIND)
    assert (job.text, steps(job), job.result.output) == ("", ["clerk__model.request"], "done")


def test_run_stream_is_refused_in_a_job_and_told_what_to_do(bench: Bench) -> None:
    agent = Agent(Script("done").streaming, name="clerk", capabilities=[BackdeskDurability()])

    async def run() -> Any:
        async with agent.run_stream("go") as streamed:
            await streamed.get_output()
        return streamed

    as_kind(run)
    error = bench.run(KIND).error
    assert error is not None
    assert error.code == "agent_misused"
    assert "agent.run()" in error.message


async def test_run_stream_outside_of_a_job_is_as_ever() -> None:
    agent = Agent(Script("all done").streaming, name="clerk", capabilities=[BackdeskDurability()])
    async with agent.run_stream("go") as streamed:
        assert (await streamed.get_output()).strip() == "all done"


# --- people ---


def refunding(*capabilities: Any, script: Script | None = None) -> tuple[Agent[Any, Any], list[int]]:
    script = script or Script((call("refund", "c1", order=7), call("refund", "c2", order=8)), "done")
    agent = Agent(script.model, name="clerk", capabilities=[BackdeskDurability(), *capabilities])
    refunded: list[int] = []

    @agent.tool_plain(requires_approval=True)
    def refund(order: int) -> str:
        refunded.append(order)
        return "refunded"

    return agent, refunded


def test_calls_that_need_approval_are_asked_for_at_once_and_each_is_decided_by_itself(bench: Bench) -> None:
    agent, refunded = refunding(AskPeople())
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert (job.state, [attempt.outcome for attempt in job.record.attempts]) == ("waiting", ["waiting"])
    assert {ask.name: ask.facts for ask in job.asks} == {
        "approve:refund/c1": {"tool": "refund", "args": {"order": 7}},
        "approve:refund/c2": {"tool": "refund", "args": {"order": 8}},
    }
    bench.approve(job, by="ada", ask="approve:refund/c1")
    bench.deny(job, by="ada", note="too much", ask="approve:refund/c2")
    assert (job.result.output, refunded) == ("done", [7])


def test_what_nobody_approves_in_time_is_denied_and_the_model_is_told(bench: Bench) -> None:
    script = Script(call("refund", "c1", order=7), "It was not approved.")
    agent, refunded = refunding(AskPeople(within=timedelta(hours=1)), script=script)
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    bench.advance(timedelta(hours=2))
    assert (bench.go_on(job).result.output, refunded) == ("It was not approved.", [])


def test_input_from_outside_is_a_question_of_the_job_that_is_asked_once(bench: Bench) -> None:
    tokens: list[str] = []

    async def hand_on(_ctx: RunContext[Any], _requests: DeferredToolRequests, token: str) -> None:
        tokens.append(token)

    agent, refunded = refunding(RequestInput(hand_on))
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert (job.state, [ask.type for ask in job.asks]) == ("waiting", [AskType.QUESTION])
    assert tokens == [f"{job.id} {job.asks[0].name}"]
    bench.answer(job, '{"approvals": {"c1": true, "c2": {"kind": "tool-denied", "message": "no"}}}', by="ada")
    assert (job.result.output, refunded, len(tokens)) == ("done", [7], 1)


def test_a_token_is_resolved_through_a_client_and_one_that_is_none_is_refused(bench: Bench) -> None:
    tokens: list[str] = []
    agent, refunded = refunding(RequestInput(lambda _ctx, _requests, token: tokens.append(token)))
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    with JobClient(settings=bench.settings, checks={}) as client:
        with pytest.raises(ValueError, match="no token"):
            resolve_token(client, "a-guess", {})
        resolve_token(client, tokens[0], {"approvals": {"c1": True, "c2": False}}, by="ada")
    assert (bench.go_on(job).result.output, refunded) == ("done", [7])


def test_input_that_is_there_at_once_is_kept_and_nobody_waits(bench: Bench) -> None:
    asked: list[str] = []

    def decide(_ctx: RunContext[Any], requests: DeferredToolRequests, token: str) -> DeferredToolResults:
        asked.append(token)
        return requests.build_results(approvals={each.tool_call_id: True for each in requests.approvals})

    agent, refunded = refunding(RequestInput(decide))
    as_kind(lambda: agent.run("go"))
    assert bench.run(KIND).result.output == "done"
    assert (refunded, len(asked)) == ([7, 8], 1)


def test_a_call_that_waits_for_its_result_from_outside_is_not_told_as_failed(bench: Bench) -> None:
    asking = RequestInput[Any](lambda _ctx, _requests, _token: None)
    agent = Agent(
        Script(call("paint", "c1"), "done").model, name="painter", capabilities=[asking, BackdeskDurability()]
    )

    @agent.tool_plain
    def paint() -> str:
        raise CallDeferred

    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert [(each.name, each.outcome) for each in job.tool_calls] == [("paint", "deferred")]
    bench.answer(job, '{"calls": {"c1": "blue"}}')
    assert job.result.output == "done"


def test_an_answer_from_outside_that_is_no_json_denies(bench: Bench) -> None:
    agent, refunded = refunding(RequestInput(lambda _ctx, _requests, _token: None))
    as_kind(lambda: agent.run("go"))
    job = bench.answer(bench.run(KIND), "yes, please")
    assert (job.result.output, refunded) == ("done", [])


def test_input_that_does_not_come_in_time_denies(bench: Bench) -> None:
    agent, refunded = refunding(RequestInput(lambda _ctx, _requests, _token: None, timeout=timedelta(hours=1)))
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    bench.advance(timedelta(hours=2))
    assert (bench.go_on(job).result.output, refunded) == ("done", [])
