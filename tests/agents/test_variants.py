"""Variants of a prompt: who gets which, and that the figures tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Say, Team, Variant, agent_task, answer
from backdesk.client import JobClient
from backdesk.testing import Bench, scripted
from backdesk.testing.plugin import bench
from backdesk.worker import TaskContext
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.job import JobState
from tests.cli.conftest import Cli, cli, home

__all__ = ["bench", "cli", "home"]

BRIEF = Variant("brief", "Answer in one word.", share=0.25)
CLERK = Agent("clerk", "Tell where parcels are.", variants=(BRIEF,))
TEAM = Team("variants", (CLERK,))
PLAIN = Agent("plain", "Tell where parcels are.")


@agent_task("variants.ask", agents=TEAM)
async def ask_clerk(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    """Answer by a clerk whose prompt is tried in two variants."""
    return await answer(ctx, TEAM, request)


@agent_task("variants.plain", agents=PLAIN)
async def ask_plain(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    """Answer by a clerk of one prompt."""
    return await answer(ctx, PLAIN, request)


@pytest.fixture
def client(bench: Bench) -> Iterator[JobClient]:
    with JobClient(settings=bench.settings) as client:
        yield client


def conversation_with(variant: str, number: int = 0) -> str:
    """The name of a conversation that has a variant."""
    names = (f"c-{at}" for at in range(1000))
    return [name for name in names if CLERK.prompt(name).variant == variant][number]


# Who gets which


def test_a_share_of_the_conversations_gets_a_variant() -> None:
    got = [CLERK.prompt(f"c-{number}").variant for number in range(10_000)]
    assert got.count("brief") == pytest.approx(2500, abs=200)
    assert got.count("base") == len(got) - got.count("brief")


def test_a_conversation_has_one_variant_whichever_process_asks() -> None:
    again = Agent("clerk", "Other words.", variants=(Variant("brief", "Other words.", share=0.25),))
    for number in range(100):
        assert CLERK.prompt(f"c-{number}").variant == again.prompt(f"c-{number}").variant


def test_agents_are_tried_apart_from_each_other() -> None:
    other = Agent("other", "Tell.", variants=(BRIEF,))
    both = {(CLERK.prompt(f"c-{n}").variant, other.prompt(f"c-{n}").variant) for n in range(200)}
    assert len(both) == 4


def test_variants_that_have_all_of_the_share_leave_none_to_the_base() -> None:
    agent = Agent("clerk", "A.", variants=(Variant("b", "B.", share=0.5), Variant("c", "C.", share=0.5)))
    assert {agent.prompt(f"c-{number}").variant for number in range(200)} == {"b", "c"}


@pytest.mark.parametrize(
    ("variants", "reason"),
    [
        ((Variant("brief", "B.", share=0.0),), "each be over 0, and together at most 1: brief=0.0"),
        ((Variant("b", "B.", share=0.6), Variant("c", "C.", share=0.6)), "together at most 1: b=0.6, c=0.6"),
        ((Variant("brief", "B.", share=float("nan")),), "each be over 0"),
        ((Variant("base", "B.", share=0.5),), "names of their own, none of them 'base'"),
        ((Variant("b", "B.", share=0.1), Variant("b", "C.", share=0.1)), "names of their own"),
        ((Variant("Two words", "B.", share=0.5),), "'Two words' cannot name a variant"),
        ((Variant("brief", Path("nowhere.md"), share=0.5),), "cannot be read"),
        (tuple(Variant(f"v{n}", "B.", share=0.1) for n in range(8)), "more than 7 variants"),
    ],
)
def test_variants_that_do_not_fit_are_refused(variants: tuple[Variant, ...], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        Agent("clerk", "Tell.", variants=variants)


# What a job tells


def test_a_job_works_by_the_variant_of_its_conversation_and_says_so(bench: Bench) -> None:
    with scripted(Say("Here."), Say("Here.")) as model:
        for variant in ("brief", "base"):
            request = {"message": "Where is it?", "conversation_id": conversation_with(variant)}
            (used,) = bench.run("variants.ask", request).result.prompts
            assert (used.agent, used.name, used.variant) == ("clerk", "clerk", variant)
    assert model.requests[0].instructions.startswith("Answer in one word.")
    assert model.requests[1].instructions.startswith("Tell where parcels are.")


def test_an_attempt_that_goes_on_keeps_its_variant_when_the_shares_are_changed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"message": "Where is it?", "conversation_id": conversation_with("brief")}
    job = bench.submit("variants.ask", request)
    with scripted(Call("no_such_tool", {}), Say("Here.")) as model:
        assert bench.lose(job, after=1)
        other = Agent("clerk", "Other words.", variants=(Variant("brief", "One word!", share=1e-9),))
        monkeypatch.setattr(f"{__name__}.TEAM", Team("variants", (other,)))
        bench.go_on(job)
    assert model.requests[-1].instructions.startswith("One word!")
    assert {used.variant for used in job.result.prompts} == {"brief"}


# Figures


def test_what_came_of_each_variant_is_told_apart_and_counted_once_in_its_kind(bench: Bench, client: JobClient) -> None:
    with scripted(rule=lambda _: Say("Here."), cost_usd=0.5):
        for variant, number in (("brief", 0), ("brief", 1), ("base", 0)):
            request = {"message": "Where is it?", "conversation_id": conversation_with(variant, number)}
            bench.run("variants.ask", request)
        bench.run("variants.plain", {"message": "Where is it?"})
    stats = client.stats(by="variant")
    assert [(each.name, each.jobs) for each in stats.groups] == [
        ("variants.ask clerk=base", 1),
        ("variants.ask clerk=brief", 2),
    ]
    brief = stats.groups[1]
    assert brief.states[JobState.SUCCEEDED] == 2
    assert brief.measures["cost_usd"].sum == 1.0
    assert brief.measures["run_seconds"].count == 2
    kinds = client.stats()
    assert {each.name: each.jobs for each in kinds.groups} == {"variants.ask": 3, "variants.plain": 1}
    assert kinds.total.jobs == stats.total.jobs == 4
    assert client.stats(kind="variants.plain", by="variant").groups == []
    assert len(client.stats(kind="variants.ask", by="variant").groups) == 2


def test_a_job_that_fails_counts_against_its_variant(bench: Bench, client: JobClient) -> None:
    request = {"message": "Where is it?", "conversation_id": conversation_with("brief")}
    job = bench.submit("variants.ask", request)
    with scripted(rule=lambda _: (Call("no_such_tool", {}),)):
        bench.go_on(job)
    (brief,) = client.stats(by="variant").groups
    assert (brief.name, brief.states[JobState.FAILED]) == ("variants.ask clerk=brief", 1)


def test_variants_are_compared_on_the_command_line(bench: Bench, cli: Cli) -> None:
    with scripted(rule=lambda _: Say("Here."), cost_usd=0.5):
        for variant in ("brief", "base"):
            bench.run("variants.ask", {"message": "Where?", "conversation_id": conversation_with(variant)})
    environment = {"BACKDESK_PREFIX": bench.settings.prefix}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        shown = cli("stats", "--by", "variant", url=bench.settings.url).out.splitlines()
    assert shown[0].split()[:4] == ["variant", "jobs", "ok", "failed"]
    assert "USD p50" in shown[0]
    assert [line.split()[:3] for line in shown[1:3]] == [
        ["variants.ask", "clerk=base", "1"],
        ["variants.ask", "clerk=brief", "1"],
    ]
