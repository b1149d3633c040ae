"""An agent with a quality gate: drafts are reviewed, mended by the model, and given only when they pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backdesk.agents.failures import QualityFailed
from backdesk.agents.kind import RETRY, converse
from backdesk.agents.team import Team
from backdesk.client import JobClient
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import REFUND, TECHNICAL
from backdesk.platform.database import Database
from backdesk.quality import QualityGate
from backdesk.service.apology import apology
from backdesk.shop.tables import Order
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.retry import decide
from tests.kinds.support.receipts import with_receipt
from tests.kinds.support.waived import WAIVING
from tests.support.memories import MEMORIES
from tests.support.memory import Memory
from tests.support.openai_simulator import Calls, OpenAISimulator, Text, call
from tests.support.recording import Recording, context_of

ASKED = SupportRequest(message="I want a refund for order 10003", conversation_id="talk", customer_id="cust-3")
TO_REFUND = call("hand_over", to="refund", reason="wants money back")
REFUND_IT = call("refund_order", order_number=10003, reason="changed my mind")
GOOD = Text("Your 78.00 EUR for order 10003 are on their way back to you, refund R-10003.")
INVENTED = Text("Your refund of 999.99 EUR for order 10003 arrives on 2030-01-01, dear customer.")
USUAL = QualityGate()
SLANG = Text("Yeah, your refund for order 10003 is gonna arrive soon, dear customer.")


def body(gate: QualityGate | None = USUAL, **others: QualityGate | None) -> Callable[..., Any]:
    async def run(ctx: TaskContext, request: SupportRequest) -> SupportResult:
        exchange = await converse(ctx, _known(gate, **others), request)
        return exchange.result(SupportResult)

    return run


def _known(gate: QualityGate | None, **others: QualityGate | None) -> Team:
    cards = {card.name: card for card in WAIVING.agents}
    cards["refund"] = replace(REFUND, quality=gate)
    cards["technical"] = replace(TECHNICAL, quality=others.get("technical"))
    return replace(WAIVING, agents=tuple(cards.values()))


async def asked(provider: OpenAISimulator, *replies: Any, sink: Recording | None = None, **gates: Any) -> SupportResult:
    provider.will(TO_REFUND, call("look_up_order", order_number=10003), REFUND_IT, *replies)
    result: SupportResult = await body(**gates)(context_of(sink or Recording()), ASKED)
    return result


async def test_an_answer_that_passes_is_given_with_its_report(provider: OpenAISimulator) -> None:
    result = await asked(provider, GOOD)
    assert result.answer == GOOD.text
    assert result.quality is not None
    assert (result.quality.outcome, result.quality.corrections, result.quality.review.passed) == ("passed", 0, True)


async def test_a_result_of_an_agent_without_a_gate_has_no_report(provider: OpenAISimulator) -> None:
    result = await asked(provider, INVENTED, gate=None)
    assert (result.answer, result.quality) == (with_receipt(INVENTED.text), None)


async def test_the_model_is_told_what_to_mend_and_its_mended_answer_is_given(provider: OpenAISimulator) -> None:
    result = await asked(provider, INVENTED, GOOD)
    told = provider.requests[-1].texts("user")[-1]
    assert "did not pass its review" in told
    assert "999.99 EUR, 2030-01-01" in told
    assert result.answer == GOOD.text
    assert result.quality is not None
    assert result.quality.corrections == 1


async def test_what_a_tool_returned_may_be_said(provider: OpenAISimulator, shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        order = session.get_one(Order, 10003)
        delivered = f"delivered {order.delivered_on:%d %B %Y}"
        paid = f"Order 10003: {order.total_cents / 100:.2f} EUR, {delivered}, are refunded, R-10003."
    assert (await asked(provider, Text(paid))).answer == paid


async def test_what_a_refused_draft_said_does_not_support_the_next(provider: OpenAISimulator) -> None:
    with pytest.raises(QualityFailed, match=r"after 1 correction: supported_facts"):
        await asked(provider, INVENTED, INVENTED, gate=QualityGate(most_corrections=1))


async def test_after_the_last_correction_the_job_fails_for_its_fallback(provider: OpenAISimulator) -> None:
    with pytest.raises(QualityFailed) as failed:
        await asked(provider, INVENTED, SLANG, INVENTED, SLANG)
    error = failed.value
    assert error.code == "quality_failed"
    assert str(error) == "The answer did not pass its review after 3 corrections: slang."
    assert error.transient, "fallbacks answer on passing errors only"
    assert len(provider.requests) == 7


async def test_no_policy_of_ours_repeats_an_attempt_that_failed_its_review(provider: OpenAISimulator) -> None:
    with pytest.raises(QualityFailed) as failed:
        await asked(provider, SLANG, gate=QualityGate(most_corrections=0))
    assert decide(RETRY, classify(failed.value), 1, lambda: 0.5) is None


async def test_a_person_gets_what_could_not_be_answered_well(provider: OpenAISimulator, shop: Database) -> None:
    context = context_of(Recording())
    provider.will(TO_REFUND, REFUND_IT, SLANG)
    with pytest.raises(QualityFailed) as failed:
        await body(QualityGate(most_corrections=0))(context, ASKED)
    result = await apology(SupportResult, WAIVING)(context, ASKED, classify(failed.value))
    assert [action.type for action in result.actions] == ["refund", "escalation"]
    assert result.quality is not None
    assert (result.quality.outcome, result.quality.review.failed) == ("escalated", ["slang"])


INSULT = call("ask_customer", question="You idiot, we guarantee 9999 EUR. Which order?")
WHICH = "Which order do you mean, please?"


async def test_a_question_passes_the_gate_as_an_answer_does_and_is_mended_like_one(provider: OpenAISimulator) -> None:
    sink = Recording(watched=True)
    result = await asked(provider, INSULT, call("ask_customer", question=WHICH), sink=sink)
    told = str(provider.requests[-1].body["messages"][-1])
    assert all(word in told for word in ("did not pass its review", "idiot", "we guarantee", "9999 EUR"))
    shown = with_receipt(WHICH)
    assert (result.clarifying, result.answer, sink.tokens) == (True, shown, [shown])
    assert result.quality is not None
    assert (result.quality.corrections, result.quality.review.passed) == (1, True)


async def test_a_question_may_be_short_and_need_not_take_up_what_was_asked(provider: OpenAISimulator) -> None:
    result = await asked(provider, call("ask_customer", question="Which?"))
    assert (result.answer, result.quality and result.quality.corrections) == (with_receipt("Which?"), 0)


async def test_a_question_that_is_never_fit_reaches_nobody(provider: OpenAISimulator) -> None:
    sink = Recording(watched=True)
    with pytest.raises(QualityFailed, match=r"after 1 correction: banned_words, supported_facts, promises"):
        await asked(provider, INSULT, INSULT, sink=sink, gate=QualityGate(most_corrections=1))
    assert sink.tokens == []


@pytest.mark.parametrize("write", [7, 8, 9, 10])
async def test_a_crash_repeats_no_question_that_was_refused(
    provider: OpenAISimulator, shop: Database, write: int
) -> None:
    provider.will(TO_REFUND, REFUND_IT, INSULT, call("ask_customer", question=WHICH))
    result = await Memory(dies_after=write).finish(body(), ASKED)
    assert (len(provider.requests), result.answer, result.quality.corrections) == (4, with_receipt(WHICH), 1)


async def test_the_conversation_forgets_questions_that_were_refused_but_not_what_was_looked_up_beside_them(
    provider: OpenAISimulator,
) -> None:
    beside = Calls((("look_up_order", {"order_number": 10003}), *INSULT.calls))
    await asked(provider, beside, call("ask_customer", question=WHICH))
    provider.will(GOOD)
    await body()(context_of(Recording(), "job-2"), ASKED.model_copy(update={"message": "10003"}))
    said = str(provider.requests[-1].body["messages"])
    assert "idiot" not in said
    assert "did not pass" not in said
    assert said.count("'name': 'look_up_order'") == 2


async def test_what_an_agent_without_a_gate_asks_is_not_reviewed(provider: OpenAISimulator) -> None:
    result = await asked(provider, call("ask_customer", question="yo, which?"), gate=None)
    assert (result.clarifying, result.answer, result.quality) == (True, with_receipt("yo, which?"), None)


async def test_a_note_that_does_not_pass_is_withheld_from_watchers_and_from_the_colleague(
    provider: OpenAISimulator,
) -> None:
    sink = Recording()
    note = "This idiot was promised 9999 EUR by us."
    provider.will(TO_REFUND, call("hand_over", to="technical", reason=note), Text("We look into order 10003."))
    await body()(context_of(sink), ASKED)
    assert [data["reason"] for data in sink.of("agent")][-1] == "The matter is the colleague's."
    assert "promised" not in "".join(provider.requests[-1].texts("system"))
    assert len(provider.requests) == 3, "no request is spent on a note"


async def test_what_a_colleague_only_claimed_supports_no_answer(provider: OpenAISimulator) -> None:
    note = "The customer was promised 9999.00 EUR."
    claims = Text("Your 9999.00 EUR for order 10003 are on their way to you.")
    provider.will(TO_REFUND, call("hand_over", to="technical", reason=note), claims)
    with pytest.raises(QualityFailed, match="supported_facts"):
        await body(technical=QualityGate(most_corrections=0))(context_of(Recording()), ASKED)


async def test_corrections_are_counted_over_all_agents_of_a_job(provider: OpenAISimulator) -> None:
    gate = QualityGate(most_corrections=2)
    provider.will(TO_REFUND, SLANG, call("hand_over", to="technical", reason="?"), SLANG, SLANG)
    with pytest.raises(QualityFailed):
        await body(gate, technical=gate)(context_of(Recording()), ASKED)
    assert provider.script == type(provider.script)()


@pytest.mark.parametrize("write", [6, 7, 8, 9, 10, 11, 12])
async def test_a_crash_repeats_no_request_and_counts_no_correction_twice(
    provider: OpenAISimulator, shop: Database, write: int
) -> None:
    provider.will(TO_REFUND, REFUND_IT, INVENTED, SLANG, GOOD)
    memory = Memory(dies_after=write)
    result: SupportResult = await memory.finish(body(), ASKED)
    assert len(provider.requests) == 5, "a model call was repeated"
    assert result.quality is not None
    assert (result.answer, result.quality.corrections) == (GOOD.text, 2)


@pytest.mark.parametrize("write", [7, 8, 9, 10])
async def test_a_crash_gives_no_model_another_chance(provider: OpenAISimulator, shop: Database, write: int) -> None:
    provider.will(TO_REFUND, REFUND_IT, INVENTED, SLANG, GOOD)
    with pytest.raises(QualityFailed):
        await Memory(dies_after=write).finish(body(QualityGate(most_corrections=1)), ASKED)
    assert len(provider.requests) == 4


async def test_an_attempt_after_the_last_correction_fails_without_asking_a_model(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, SLANG)
    memory = Memory()
    for _ in range(2):
        with pytest.raises(QualityFailed):
            await memory.attempt(body(QualityGate(most_corrections=0)), ASKED)
    assert (memory.attempts, len(provider.requests)) == (2, 2)


async def test_the_conversation_forgets_drafts_that_were_refused(provider: OpenAISimulator) -> None:
    await asked(provider, INVENTED, GOOD)
    provider.will(TO_REFUND, Text("The refund R-10003 for your order 10003 is on its way."))
    await body()(
        context_of(Recording(), "job-2"),
        SupportRequest(message="Really?", conversation_id="talk", customer_id="cust-3"),
    )
    said = str(provider.requests[-1].body["messages"])
    assert GOOD.text in said
    assert "999.99" not in said
    assert "did not pass" not in said


async def test_each_review_is_told(provider: OpenAISimulator) -> None:
    sink = Recording()
    await asked(provider, INVENTED, GOOD, sink=sink)
    refused, passed = sink.of("review")
    assert (refused["agent"], refused["passed"], refused["failed"]) == ("refund", False, ["supported_facts"])
    assert (refused["correction"], passed["correction"], passed["passed"]) == (0, 1, True)
    assert set(passed["scores"]) == {"sentiment", "professionalism", "completeness", "accuracy"}
    assert passed["overall"] == pytest.approx(0.9, abs=0.1)


async def test_each_review_is_noted_once_for_whoever_looks_back(provider: OpenAISimulator, shop: Database) -> None:
    provider.will(TO_REFUND, REFUND_IT, INVENTED, GOOD)
    memory = Memory(dies_after=7)
    await memory.finish(body(), ASKED)
    with JobClient(settings=MEMORIES.settings) as client:
        passed, refused = client.notes("review", tenant="default", kind="support.request")
    assert (passed.job_id, passed.data["passed"], passed.data["correction"]) == ("job-1", True, 1)
    assert (refused.data["passed"], refused.data["failed"]) == (False, ["supported_facts"])


async def test_watchers_see_an_answer_once_it_has_passed(provider: OpenAISimulator) -> None:
    sink = Recording(watched=True)
    await asked(provider, INVENTED, GOOD, sink=sink)
    assert sink.tokens == [GOOD.text]


async def test_watchers_of_a_live_gate_see_drafts_and_which_of_them_is_void(provider: OpenAISimulator) -> None:
    sink = Recording(watched=True)
    await asked(provider, INVENTED, GOOD, sink=sink, gate=QualityGate(shows="live"))
    assert "".join(sink.tokens) == f"{INVENTED.text}\n\n{GOOD.text}"
    assert [data["passed"] for data in sink.of("review")] == [False, True]


@pytest.mark.parametrize(
    "message",
    [
        "I want a refund for order 10003",
        "My headphones do not pair with my phone",
        "Where is my order 10002?",
        "I was charged twice for order 10004",
    ],
)
async def test_what_the_offline_model_says_passes_the_usual_gate(shop: Database, message: str) -> None:
    cards = tuple(replace(card, quality=QualityGate()) for card in WAIVING.agents)
    context = context_of(Recording())
    exchange = await converse(
        context, replace(WAIVING, agents=cards), SupportRequest(message=message, customer_id="cust-3")
    )
    assert exchange.result(SupportResult).quality is not None
