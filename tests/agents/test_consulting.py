"""Agents that are consulted: asked for an answer by their type, any number of them in one job."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from backdesk.agents import Agent, Call, Consultation, Consulted, Say
from backdesk.testing import Bench, Fail, sandbox, scripted
from backdesk.worker import TaskContext, task
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.store.connection import connect
from backdesk.worker.store.keys import Keys

KIND = "consulting.weigh"


class Guess(BaseModel):
    """Say what it weighs."""

    grams: int


class Things(BaseModel):
    things: list[str]
    at_once: bool = True


class Guesses(BaseModel):
    grams: list[int]
    by_rules: list[bool]
    requests: int


WEIGHER = Agent("weigher", "You guess what things weigh.", output=Guess)


@pytest.fixture
def bench() -> Iterator[Bench]:
    @task(KIND)
    async def weigh(ctx: TaskContext, request: Things) -> Guesses:
        consultation = Consultation(ctx, keeps_requests="quiet" not in request.things)

        async def ask(thing: str) -> Consulted[Guess]:
            return await consultation.ask(WEIGHER, thing, key=f"guess/{thing}", rules=lambda: Guess(grams=len(thing)))

        if request.at_once:
            found = await asyncio.gather(*map(ask, request.things))
        else:
            found = [await ask(each) for each in request.things]
        return Guesses(
            grams=[each.output.grams for each in found],
            by_rules=[each.by_rules for each in found],
            requests=consultation.usage.requests,
        )

    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop(KIND, None)


def sent(bench: Bench, job_id: str) -> int:
    """How many requests to models are kept with a job."""
    return len(connect(bench.settings.url).lrange(Keys(bench.settings.prefix).sent(job_id), 0, -1))


def weighed(bench: Bench, *things: str) -> Guesses:
    result: Guesses = bench.run(KIND, {"things": [*things]}).result
    return result


def test_several_are_asked_in_one_job_and_each_answers_its_own_text(bench: Bench) -> None:
    with scripted(rule=lambda now: Say(Guess(grams=100 * len(now.message)))) as model:
        found = weighed(bench, "egg", "feather")
    assert found == Guesses(grams=[300, 700], by_rules=[False, False], requests=2)
    assert {now.instructions for now in model.requests} == {"You guess what things weigh."}
    assert {now.tools for now in model.requests} == {frozenset()}


def test_where_no_model_is_configured_the_rules_answer_each_for_its_own_text(bench: Bench) -> None:
    assert weighed(bench, "egg", "feather").grams == [3, 7]


@pytest.mark.parametrize("useless", [Call("give_answer", {"grams": "heavy"}), Call("shop", {}), Fail("model_refused")])
def test_rules_answer_for_a_model_that_does_not_answer_by_the_type(bench: Bench, useless: Call | Fail) -> None:
    with scripted(rule=lambda _now: useless if isinstance(useless, Fail) else (useless,)) as model:
        found = weighed(bench, "egg")
    assert (found.grams, found.by_rules) == ([3], [True])
    assert len(model.requests) <= 3


def test_a_model_that_cannot_be_reached_is_the_job_s_affair(bench: Bench) -> None:
    with scripted(Fail("model_auth")):
        job = bench.run(KIND, {"things": ["egg"]})
    assert job.error is not None
    assert job.error.code == "model_auth"


def test_whenever_the_worker_dies_nobody_is_asked_again_who_has_answered(bench: Bench) -> None:
    for after in itertools.count():
        with scripted(rule=lambda now: Say(Guess(grams=len(now.message)))) as model:
            job = bench.submit(KIND, {"things": ["egg", "feather"], "at_once": False})
            died = bench.lose(job, after=after)
            assert bench.go_on(job).result.grams == [3, 7]
        # The answer that dies with the worker is asked for again, and no other.
        assert len(model.requests) == (3 if after < 2 else 2)
        if not died:
            break


def test_what_is_sent_to_the_model_is_kept_with_the_job_unless_it_says_otherwise(bench: Bench) -> None:
    with scripted(rule=lambda _now: Say(Guess(grams=1))):
        kept, quiet = (bench.run(KIND, {"things": [thing]}) for thing in ("egg", "quiet"))
    assert [sent(bench, job.id) for job in (kept, quiet)] == [1, 0]
