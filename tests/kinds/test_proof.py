"""What holds for every kind that agents answer: no fault of its model keeps it from its answer or repeats an effect."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.client import JobClient
from backdesk.kinds.contracts import KINDS
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, reset
from backdesk.quality.language import language_of
from tests.support.memories import MEMORIES
from tests.support.memory import Memory
from tests.support.openai_simulator import Fault, OpenAISimulator, Received, Reply
from tests.support.proof import (
    FAULTS,
    Judged,
    Proof,
    Scripts,
    Stalling,
    Talk,
    by_asker,
    by_position,
    carry_through,
    carry_through_at_once,
    disturbed,
    proofs,
)

# Before the kinds are imported, so that what does not hold is told with its values.
pytest.register_assert_rewrite(
    *(f"tests.kinds.{path.parent.name}.proof" for path in Path(__file__).parent.glob("*/proof.py"))
)

of_every_kind = pytest.mark.parametrize("proof", proofs(), ids=lambda proof: proof.kind)
plain_and_streamed = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
#: Of the faults and the kinds every pair, of which each fault is met plain by one kind, and streamed by the next: how
#: a model that fails is asked again is the agents' affair and no kind's. And in a soak all of them in both ways.
in_turn_or_both = pytest.mark.parametrize("ways", [1, pytest.param(2, marks=pytest.mark.soak)], ids=["in turn", "both"])


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job ask for more than it needs, so that no bound ends it before its answer."""
    monkeypatch.setenv("BACKDESK_MAX_MODEL_REQUESTS", "60")
    monkeypatch.setenv("BACKDESK_MAX_TOOL_CALLS", "60")
    reset()


def test_every_kind_that_agents_answer_has_a_proof() -> None:
    agents = {kind for kind, models in KINDS.items() if issubclass(models.request, AgentRequest)}
    assert {proof.kind for proof in proofs()} == agents


@of_every_kind
@plain_and_streamed
async def test_a_script_leads_to_its_answer(
    proof: Proof, streamed: bool, provider: OpenAISimulator, shop: Database
) -> None:
    await _prove(proof, provider, shop, streamed=streamed)
    assert {request.streamed for request in provider.requests} == {streamed}
    assert len(provider.requests) == len(proof.talks[0].script)


@of_every_kind
@in_turn_or_both
async def test_a_fault_at_every_reply_changes_nothing_in_the_end(  # noqa: PLR0917 - they are fixtures
    proof: Proof,
    ways: int,
    provider: OpenAISimulator,
    shop: Database,
    seeded: Path,
    subtests: pytest.Subtests,
) -> None:
    for fault, streamed in _dealt(proof, ways):
        with subtests.test(fault, streamed=streamed):
            _start_anew(provider, shop, seeded)
            script = disturbed(proof.talks[0].script, fault)
            assert script != proof.talks[0].script, "the fault did not happen"
            await _prove(proof, provider, shop, streamed=streamed, script=script)


@pytest.mark.parametrize("proof", [proof for proof in proofs() if proof.agreed], ids=lambda proof: proof.kind)
@in_turn_or_both
async def test_a_fault_at_every_reply_to_a_yes_changes_nothing_in_the_end(  # noqa: PLR0917 - they are fixtures
    proof: Proof,
    ways: int,
    provider: OpenAISimulator,
    shop: Database,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    agreed, kept = await _proposed(proof, provider, shop, tmp_path / "proposed.sqlite3")
    for fault, streamed in _dealt(proof, ways):
        with subtests.test(fault, streamed=streamed):
            _start_anew(provider, shop, tmp_path / "proposed.sqlite3", kept)
            judge, agent = disturbed(agreed.script[:1], fault), disturbed(agreed.script[1:], fault)
            assert judge + agent != agreed.script, "the fault did not happen"
            provider.rule = Judged(judge, agent)
            agreed.holds(await carry_through(proof, agreed, "job-2", streamed=streamed), shop)
            # A judge that fails is not asked again: then the words of the message count.
            assert (len(provider.rule.judge) < len(judge), len(provider.rule.agent)) == (True, 0)
    for streamed in (False, True):
        with subtests.test("in pieces of characters and without usage", streamed=streamed):
            _start_anew(provider, shop, tmp_path / "proposed.sqlite3", kept)
            provider.piece_bytes, provider.usage = 7, None
            provider.rule = by_asker(agreed.script)
            agreed.holds(await carry_through(proof, agreed, "job-2", streamed=streamed), shop)


@of_every_kind
@plain_and_streamed
async def test_what_comes_in_pieces_of_characters_and_without_usage_is_understood(
    proof: Proof, streamed: bool, provider: OpenAISimulator, shop: Database
) -> None:
    provider.piece_bytes, provider.usage = 7, None
    script = disturbed(proof.talks[0].script, "text beside the calls")
    await _prove(proof, provider, shop, streamed=streamed, script=script)


@plain_and_streamed
async def test_a_model_of_any_kind_that_stalls_at_every_reply_is_asked_again(
    streamed: bool, provider: OpenAISimulator, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL_SILENCE_S", "1")
    reset()
    for proof in proofs():
        proof.talks[0].given(shop)
    stalled = partial(_stalled, provider, shop, streamed=streamed)
    proposed = await stalled(by_position, [(proof, proof.talks[0]) for proof in proofs()])
    both = zip(proofs(), proposed, strict=True)
    await stalled(by_asker, [(proof, _in(shown, proof.agreed)) for proof, shown in both if proof.agreed])


@of_every_kind
@pytest.mark.parametrize("number", [0, 1], ids=["first", "second"])
async def test_wherever_its_model_fails_for_good_the_customer_hears_what_is_done(  # noqa: PLR0917 - they are fixtures
    proof: Proof, number: int, provider: OpenAISimulator, shop: Database, seeded: Path, subtests: pytest.Subtests
) -> None:
    talk, done = proof.talks[number], list[str]()
    for at in range(len(talk.script)):
        with subtests.test(at=at):
            _start_anew(provider, shop, seeded)
            talk.given(shop)
            provider.will(*talk.script[:at], Fault.error(401, "invalid_api_key"))
            memory = Memory(kind=proof.kind)
            result = await carry_through(proof, talk, memory=memory)
            assert result.degraded == "fallback_answer"
            assert memory.degraded is not None
            assert memory.degraded.code == "model_auth"
            actions = [action for action in result.actions if action.type != "escalation"]
            assert [action.type for action in actions][: len(done)] == done, "what was done before is done"
            done = [action.type for action in actions]
            language = language_of(talk.request.message) or "en"
            assert all(action.sentence(language) in result.answer for action in actions)
            assert result.answer in _remembered(result.conversation_id)
    _start_anew(provider, shop, seeded)
    talk.given(shop)
    provider.will(*talk.script)
    whole = await carry_through(proof, talk)
    assert [action.type for action in whole.actions if action.type != "escalation"] == done


@of_every_kind
@pytest.mark.parametrize("when", ["before", "after"])
async def test_at_whichever_write_its_worker_dies_the_job_comes_to_its_answer(  # noqa: PLR0917 - they are fixtures
    proof: Proof, when: str, provider: OpenAISimulator, shop: Database, seeded: Path, subtests: pytest.Subtests
) -> None:
    talk = proof.talks[0]
    for write in count(1):
        with subtests.test(write=write):
            _start_anew(provider, shop, seeded)
            talk.given(shop)
            provider.rule = by_position(talk.script)
            before, after = (write, 0) if when == "before" else (0, write)
            memory = Memory(kind=proof.kind, dies_before=before, dies_after=after)
            talk.holds(await carry_through(proof, talk, memory=memory), shop)
            assert len(provider.requests) <= len(talk.script) + (when == "before"), "an answer was paid for again"
        if memory.attempts == 1:
            break
    assert write > len(talk.script)


@of_every_kind
async def test_two_conversations_at_the_same_time_are_both_right(
    proof: Proof, provider: OpenAISimulator, shop: Database
) -> None:
    for talk in proof.talks:
        talk.given(shop)
    provider.rule = Scripts(proof.talks)
    for talk, result in zip(proof.talks, await carry_through_at_once(proof), strict=True):
        talk.holds(result, shop)


def _dealt(proof: Proof, ways: int) -> Iterator[tuple[str, bool]]:
    """Yield the faults, and whether the answer is streamed: of one way in turn, by the number of the kind, or both."""
    number = sorted(each.kind for each in proofs()).index(proof.kind)
    for at, fault in enumerate(FAULTS, number):
        yield from ((fault, bool((at + way) % 2)) for way in range(ways))


async def _prove(
    proof: Proof,
    provider: OpenAISimulator,
    shop: Database,
    *,
    streamed: bool,
    script: tuple[Reply, ...] | None = None,
) -> None:
    talk = proof.talks[0]
    talk.given(shop)
    provider.will(*(script or talk.script))
    talk.holds(await carry_through(proof, talk, streamed=streamed), shop)
    assert not provider.script, "the job ended before its script"


async def _stalled(
    provider: OpenAISimulator,
    shop: Database,
    rule: Callable[[tuple[Reply, ...]], Callable[[Received], Reply]],
    talks: list[tuple[Proof, Talk]],
    *,
    streamed: bool,
) -> list[AgentResult]:
    """Have talks with a model that stalls at every reply: all at once, as to wait takes no processor."""
    stalling = provider.rule = Stalling({talk.request.message: rule(talk.script) for _, talk in talks})
    jobs = (carry_through(proof, talk, f"{proof.kind}-{rule.__name__}", streamed=streamed) for proof, talk in talks)
    results = await asyncio.gather(*jobs)
    for (_, talk), result in zip(talks, results, strict=True):
        talk.holds(result, shop)
    assert len(stalling.met) == sum(len(talk.script) for _, talk in talks)
    return results


async def _proposed(
    proof: Proof, provider: OpenAISimulator, shop: Database, file: Path
) -> tuple[Talk, dict[bytes, bytes]]:
    """Have the first talk; return the one that says yes, and what is remembered. `file` becomes the database."""
    assert proof.agreed is not None
    talk = proof.talks[0]
    talk.given(shop)
    provider.will(*talk.script)
    shown = await carry_through(proof, talk)
    for database in (shop, deployment().database):
        database.close()
    shutil.copy("shop.sqlite3", file)
    return _in(shown, proof.agreed), MEMORIES.kept()


def _in(shown: AgentResult, talk: Talk) -> Talk:
    """Return a talk that goes on with a conversation."""
    request = talk.request.model_copy(update={"conversation_id": shown.conversation_id})
    return replace(talk, request=request)


def _remembered(conversation_id: str) -> str:
    """The last turn of a conversation, as JSON."""
    with JobClient(settings=MEMORIES.settings) as client:
        turn = client.conversations.get(conversation_id, tenant="default").turns[-1]
    return json.dumps(turn.messages, ensure_ascii=False)


def _start_anew(
    provider: OpenAISimulator, shop: Database, begins: Path, kept: dict[bytes, bytes] | None = None
) -> None:
    # With the same connections to the model: to open them takes longer than to use them.
    provider.script.clear()
    provider.requests.clear()
    MEMORIES.begin(kept)
    for database in (shop, deployment().database):
        database.close()
    for path in Path().glob("shop.sqlite3*"):
        path.unlink()
    shutil.copy(begins, "shop.sqlite3")
