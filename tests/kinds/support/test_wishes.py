"""What one request demands of its answer, besides what the gate of the agent does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from backdesk.agents.failures import QualityFailed
from backdesk.agents.kind import converse
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import SUPPORT
from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.recording import Recording, context_of

TO_BILLING = call("hand_over", to="billing", reason="asks for an order")
BARE = Text("Your order has come to you already, as the carrier tells us.")
SIGNED = Text(f"{BARE.text} Kind regards, your shop")


async def asked(provider: OpenAISimulator, *replies: Any, gated: bool = True, **quality: Any) -> SupportResult:
    provider.will(TO_BILLING, *replies)
    request = SupportRequest.model_validate({"message": "Where is my order?", "quality": quality})
    bare = tuple(replace(card, quality=None) for card in SUPPORT.agents)
    team = SUPPORT if gated else replace(SUPPORT, agents=bare)
    return (await converse(context_of(Recording()), team, request)).result(SupportResult)


async def test_an_answer_is_mended_until_it_says_what_the_request_demands(provider: OpenAISimulator) -> None:
    result = await asked(provider, BARE, SIGNED, required_phrases=["Kind regards|Yours"])
    assert (result.answer, result.quality and result.quality.corrections) == (SIGNED.text, 1)


async def test_a_model_is_told_what_is_demanded_before_it_writes(provider: OpenAISimulator) -> None:
    await asked(provider, SIGNED, required_phrases=["Kind regards|Yours"], banned_words=["courier"])
    told = "\n".join(provider.requests[-1].texts("system"))
    assert "The answer must say, word for word: 'Kind regards' or 'Yours'." in told
    assert "Never write these words: 'courier'." in told


async def test_words_that_the_request_bans_are_in_neither_answers_nor_questions(provider: OpenAISimulator) -> None:
    asks = [call("ask_customer", question=f"Which order has the {who}?") for who in ("carrier", "post")]
    result = await asked(provider, BARE, *asks, banned_words=["carrier"])
    assert (result.answer, result.quality and result.quality.corrections) == ("Which order has the post?", 2)


async def test_a_question_need_not_say_what_an_answer_must(provider: OpenAISimulator) -> None:
    result = await asked(provider, call("ask_customer", question="Which order?"), required_phrases=["Kind regards"])
    assert result.clarifying


async def test_the_threshold_of_a_request_takes_the_place_of_the_gate_s(provider: OpenAISimulator) -> None:
    with pytest.raises(QualityFailed, match="not good enough"):
        await asked(provider, *[Text("It is so.")] * 4, threshold=1)


async def test_what_a_request_demands_is_the_whole_gate_of_an_agent_without_one(provider: OpenAISimulator) -> None:
    slang = Text("Yeah, it is gonna come. Kind regards")
    result = await asked(provider, BARE, slang, gated=False, required_phrases=["Kind regards"])
    assert (result.answer, result.quality and result.quality.corrections) == (slang.text, 1)


@pytest.mark.parametrize(
    ("quality", "field"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"required_phrases": ["x"] * 11}, "required_phrases"),
        ({"required_phrases": ["Kind regards| "]}, "required_phrases"),
        ({"required_phrases": ["x" * 301]}, "required_phrases"),
        ({"banned_words": [" "]}, "banned_words"),
        ({"banned_words": ["x"] * 101}, "banned_words"),
        ({"phrases": ["Yours"]}, "phrases"),
    ],
)
def test_what_is_no_such_demand_is_refused_with_its_field(quality: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SupportRequest.model_validate({"message": "Hello", "quality": quality})
    assert refused.value.errors()[0]["loc"][:2] == ("quality", field)
