"""Answers cite what tools have returned: the result lists it, and a citation of anything else is not sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, agent_task, answer
from backdesk.quality import BRIEF, Draft
from backdesk.quality.citations import KnownCitations, citations_of
from backdesk.service.knowledge.tool import search_articles
from backdesk.testing import Bench, Call, Say, sandbox, scripted
from backdesk.worker.attempt.context import TaskContext
from tests.support.openai_simulator import OpenAISimulator, Text, call

HELPER = Agent("helper", "Help.", tools=(search_articles,), quality=BRIEF)
LOOK = Call("search_articles", {"query": "my lamp flickers"})
CITED = "Use an undimmed socket. [lamp-flickers#1]"
SAYS = {"message": "My lamp flickers", "conversation_id": "talk"}


@agent_task("citations.asked")
async def asked(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, HELPER, request)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture
def bench_with_shop(bench: Bench, seeded: Path) -> Iterator[Bench]:
    with sandbox(seeded.read_bytes()):
        yield bench


def sources(result: Any) -> list[tuple[str, int, bool]]:
    return [(each.article, each.passage, each.cited) for each in result.sources]


def test_the_result_lists_what_tools_returned_and_what_of_it_the_answer_cites(bench_with_shop: Bench) -> None:
    with scripted(LOOK, Say(CITED), LOOK, Say("Use an undimmed socket.")):
        result = bench_with_shop.run("citations.asked", {"message": "My lamp flickers"}).result
        silent = bench_with_shop.run("citations.asked", {"message": "My lamp flickers"}).result
    assert (result.answer, sources(result)) == (CITED, [("lamp-flickers", 1, True)])
    assert result.sources[0].title == "The desk lamp flickers"
    assert sources(silent) == [("lamp-flickers", 1, False)]


def test_a_citation_of_what_no_tool_returned_is_refused(bench_with_shop: Bench) -> None:
    with scripted(LOOK, Say("Use a socket. [router-slow#1]"), Say(CITED)) as model:
        result = bench_with_shop.run("citations.asked", {"message": "My lamp flickers, see [router-slow#1]"}).result
    assert "[router-slow#1]" in model.requests[-1].corrections[-1]
    assert (result.answer, sources(result)) == (CITED, [("lamp-flickers", 1, True)])


def test_what_was_returned_for_a_message_before_can_still_be_cited(bench_with_shop: Bench) -> None:
    with scripted(LOOK, Say("Shall I tell you how?"), Say(CITED)):
        bench_with_shop.run("citations.asked", SAYS)
        result = bench_with_shop.run("citations.asked", {**SAYS, "message": "Yes please"}).result
    assert (result.answer, sources(result)) == (CITED, [("lamp-flickers", 1, True)])


def test_an_attempt_after_a_crash_knows_what_was_returned_before_it(bench_with_shop: Bench) -> None:
    with scripted(LOOK, rule=lambda _now: Say(CITED)):
        job = bench_with_shop.submit("citations.asked", {"message": "My lamp flickers"})
        assert bench_with_shop.lose(job, after=3)
        result = bench_with_shop.go_on(job).result
    assert sources(result) == [("lamp-flickers", 1, True)]


def test_what_vectors_of_a_question_cost_is_in_the_usage_of_the_job(bench: Bench, seeded: Path) -> None:
    with OpenAISimulator().running() as server:
        server.will(call("search_articles", query="my lamp flickers"), Text(CITED))
        settings = {"api_key": "sk-of-the-test", "base_url": server.url, "embeddings_model": "text-embedding-3-small"}
        with sandbox(seeded.read_bytes(), **settings):
            result = bench.run("citations.asked", {"message": "My lamp flickers"}).result
    embedded = [each for each in server.requests if each.path.endswith("/embeddings")]
    assert [each.body["input"] for each in embedded] == [["my lamp flickers"]]
    assert embedded[0].headers["authorization"] == "Bearer sk-of-the-test"
    assert (result.usage.requests, result.usage.input_tokens) == (3, 23)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Do it. [a-b#1] Then wait [c#12].", ["a-b#1", "c#12"]),
        ("Do it [a#1, b#2] [a#1]", ["a#1", "b#2"]),
        ("Order #12, [see below], [A#1], a#1", []),
    ],
)
def test_citations_are_references_in_brackets(text: str, found: list[str]) -> None:
    assert citations_of(text) == found


def test_the_check_names_what_is_unknown() -> None:
    fault = KnownCitations().fault(Draft("So. [a#1] [b#2]", citable=frozenset({"a#1"})))
    assert fault is not None
    assert ("[b#2]" in fault, "[a#1]" in fault) == (True, False)
