"""What customers read of the kinds that ship: all of it passes a gate, or is composed of words that always would."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from backdesk.agents.card import Agent
from backdesk.agents.contract import AgentRequest
from backdesk.agents.failures import ModelFailure
from backdesk.agents.team import Team
from backdesk.kinds.contracts import KINDS
from backdesk.quality import Draft
from backdesk.quality.draft import Form
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.job import DEFAULT_TENANT
from tests.support.recording import Recording, context_of
from tests.support.workers import ROOT

for _path in (ROOT / "tasks" / "backdesk" / "kinds").glob("*/kind.py"):
    import_module(f"backdesk.kinds.{_path.parent.name}.kind")

#: The kinds that agents answer, and what a request to them has besides its message.
FIELDS: dict[str, dict[str, Any]] = {
    kind: {"organisation_id": "aurora", "user_id": "ada"} if kind == "org.assistant" else {}
    for kind, models in KINDS.items()
    if issubclass(models.request, AgentRequest)
}


def cards_of(kind: str) -> list[Agent]:
    module = import_module(REGISTRY[kind].body.__module__)
    return [card for team in vars(module).values() if isinstance(team, Team) for card in team.agents]


CARDS = [pytest.param(card, id=f"{kind}-{card.name}") for kind in FIELDS for card in cards_of(kind)]


@pytest.mark.parametrize("kind", FIELDS)
def test_no_kind_that_talks_to_customers_has_an_agent_without_a_gate(kind: str) -> None:
    assert cards_of(kind)
    assert [card.name for card in cards_of(kind) if card.quality is None] == []


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("form", ["answer", "question"])
def test_no_gate_lets_an_insult_a_promise_or_an_invented_amount_pass(card: Agent, form: Form) -> None:
    said = Draft(
        "You idiot, we guarantee 9999 EUR for 4111 1111 1111 1111.", "Where is it?", ("Where is it?",), form=form
    )
    assert card.quality is not None
    assert {"banned_words", "promises", "supported_facts", "payment_card"} <= {*card.quality.review(said).failed}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("kind", FIELDS)
async def test_what_a_fallback_says_in_place_of_agents_passes_their_gate(kind: str) -> None:
    request = KINDS[kind].request.model_validate({"message": "Where is it?", **FIELDS[kind]})
    apologize = REGISTRY[kind].fallback
    assert apologize is not None
    failure = classify(ModelFailure("model_unavailable", "The model is away."))
    result = await apologize(context_of(Recording(), tenant=DEFAULT_TENANT), request, failure)
    # No model has written it: what it tells of is in it.
    said = Draft(result.answer, asked=request.message, evidence=(result.answer,))
    reviews = [card.quality.review(said) for card in cards_of(kind) if card.quality]
    assert [review.failed for review in reviews] == [[]] * len(reviews)
