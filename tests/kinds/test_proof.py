"""What holds for every kind that agents answer: no fault of its model keeps it from its answer or repeats an effect."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backdesk.agents.contract import AgentRequest
from backdesk.kinds.contracts import KINDS
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, reset
from tests.support.memories import MEMORIES
from tests.support.openai_simulator import OpenAISimulator
from tests.support.proof import FAULTS, Proof, Scripts, carry_through, carry_through_at_once, disturbed, proofs

# Before the kinds are imported, so that what does not hold is told with its values.
pytest.register_assert_rewrite(
    *(f"tests.kinds.{path.parent.name}.proof" for path in Path(__file__).parent.glob("*/proof.py"))
)

of_every_kind = pytest.mark.parametrize("proof", proofs(), ids=lambda proof: proof.kind)
plain_and_streamed = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


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
@plain_and_streamed
async def test_a_fault_before_every_reply_changes_nothing_in_the_end(  # noqa: PLR0917 - they are fixtures
    proof: Proof,
    streamed: bool,
    provider: OpenAISimulator,
    shop: Database,
    seeded: Path,
    subtests: pytest.Subtests,
) -> None:
    for fault in FAULTS:
        with subtests.test(fault):
            _start_anew(provider, shop, seeded)
            await _prove(proof, provider, shop, streamed=streamed, fault=fault)
            assert len(provider.requests) > len(proof.talks[0].script), "the fault did not happen"


@of_every_kind
async def test_two_conversations_at_the_same_time_are_both_right(
    proof: Proof, provider: OpenAISimulator, shop: Database
) -> None:
    for talk in proof.talks:
        talk.given(shop)
    provider.rule = Scripts(proof.talks)
    for talk, result in zip(proof.talks, await carry_through_at_once(proof), strict=True):
        talk.holds(result, shop)


async def _prove(
    proof: Proof, provider: OpenAISimulator, shop: Database, *, streamed: bool, fault: str | None = None
) -> None:
    talk = proof.talks[0]
    talk.given(shop)
    provider.will(*(disturbed(talk.script, fault) if fault else talk.script))
    talk.holds(await carry_through(proof, talk, streamed=streamed), shop)
    assert not provider.script, "the job ended before its script"


def _start_anew(provider: OpenAISimulator, shop: Database, seeded: Path) -> None:
    # With the same connections to the model: to open them takes longer than to use them.
    provider.script.clear()
    provider.requests.clear()
    MEMORIES.begin()
    for database in (shop, deployment().database):
        database.close()
    for path in Path().glob("shop.sqlite3*"):
        path.unlink()
    shutil.copy(seeded, "shop.sqlite3")
