"""Refunds take two turns: shown in one message, made after a yes in the next, whatever a model does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from backdesk.agents.failures import ModelFailure, QualityFailed
from backdesk.agents.proposals.tables import Proposal
from backdesk.agents.proposals.verdict import Agreement, Heard, Verdict
from backdesk.agents.with_person import FACT, carried, person_says
from backdesk.kinds.support import kind
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from backdesk.shop.tables import Order, Refund
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import TaskError
from tests.kinds.support.receipts import RECEIPT, with_receipt
from tests.support.memory import Memory, dying
from tests.support.openai_simulator import Calls, Fault, OpenAISimulator, Text, call
from tests.support.recording import Recording, context_of, converse

TO_REFUND = call("hand_over", to="refund", reason="wants money back")
REFUND = call("refund_order", order_number=10003, reason="changed my mind")
SHOWN = Text("That would be 78.00 EUR for order 10003. Do you agree?")
DONE = Text("Your money is on its way.")
IDLE = Text("What can I do for you?")
PAID = Text("The 78.00 EUR for order 10003 are on their way back to you, refund R-10003.")
YES = call("give_answer", verdict="confirm")
NO = call("give_answer", verdict="decline")
OTHERWISE = call("give_answer", verdict="change")
FAILURE = classify(ModelFailure("model_unavailable", "The model provider could not be reached."))


class Talk:
    """A conversation of a customer; each message is a job."""

    def __init__(self, customer_id: str | None = "cust-3", conversation_id: str = "talk") -> None:
        self.whose = {"customer_id": customer_id, "conversation_id": conversation_id}
        self._jobs = 0

    def request(self, message: str, **more: Any) -> SupportRequest:
        return SupportRequest.model_validate({"message": message, **self.whose, **more})

    async def say(self, message: str, **more: Any) -> SupportResult:
        self._jobs += 1
        memory = Memory(f"{self.whose['conversation_id']}-{self._jobs}")
        result: SupportResult = await memory.finish(support_request, self.request(message, **more))
        return result


@pytest.fixture
def talk() -> Talk:
    return Talk()


def refunds(shop: Database) -> list[int]:
    with shop.of_all_tenants().read() as session:
        return list(session.scalars(select(Refund.order_number).where(Refund.key != "")))


def states(shop: Database) -> list[str]:
    with shop.of_all_tenants().read() as session:
        return list(session.scalars(select(Proposal.state).order_by(Proposal.id)))


async def proposed(talk: Talk, provider: OpenAISimulator) -> SupportResult:
    provider.will(TO_REFUND, REFUND, SHOWN)
    return await talk.say("I want my money back for order 10003")


# Shown, then yes


async def test_a_refund_is_shown_first_and_made_after_the_customers_yes(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    first = await proposed(talk, provider)
    assert (first.answer, first.actions, first.clarifying, refunds(shop)) == (SHOWN.text, [], True, [])
    assert first.proposal is not None
    assert (first.proposal.number, first.proposal.facts["amount_cents"]) == ("P-000001", 7800)

    provider.will(YES, DONE)
    second = await talk.say("Yes, please")
    assert (second.answer, second.path, second.proposal) == (with_receipt(DONE.text), ["refund"], None)
    assert [action.type for action in second.actions] == ["refund"]
    assert (refunds(shop), states(shop)) == ([10003], ["confirmed"])
    assert (second.usage.requests, second.usage.input_tokens, second.usage.tool_calls) == (2, 20, 1)


async def test_the_judge_sees_the_proposal_and_the_message_and_nothing_else(
    talk: Talk, provider: OpenAISimulator
) -> None:
    await proposed(talk, provider)
    provider.will(YES, DONE)
    await talk.say("Yes, please")
    judged = provider.requests[3]
    assert judged.texts("user") == [
        '{"question": "Shall I refund 78.00 EUR for order 10003?", "message": "Yes, please"}'
    ]
    assert judged.tools == {"give_answer"}
    assert "cust-3" not in str(judged.body)


async def test_a_button_needs_no_judge(talk: Talk, provider: OpenAISimulator, shop: Database) -> None:
    await proposed(talk, provider)
    provider.will(DONE)
    result = await talk.say("[Yes]", confirms="P-000001")
    assert ([action.type for action in result.actions], refunds(shop)) == (["refund"], [10003])


async def test_a_large_refund_waits_for_a_person_after_the_customers_yes(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    talk = Talk("cust-1")
    provider.will(TO_REFUND, call("refund_order", order_number=10001, reason="?"), Text("258.00 EUR for 10001?"))
    await talk.say("Money back for 10001")
    provider.will(YES, DONE)
    memory = Memory("yes")
    assert await memory.attempt(support_request, talk.request("Yes")) is None
    assert [ask.prompt for ask in memory.asks] == ["Refund 258.00 EUR for order 10001?"]
    memory.answer(decision="approve", by="ada")
    await memory.finish(support_request, talk.request("Yes"))
    assert refunds(shop) == [10001]
    assert len(provider.requests) == 5, "a request was repeated"


# What was done is told


async def test_a_model_that_denies_what_was_done_is_told_so_and_says_it(talk: Talk, provider: OpenAISimulator) -> None:
    await proposed(talk, provider)
    provider.will(YES, Text("All right, then nothing will be refunded to you."), PAID)
    result = await talk.say("Yes, please")
    told = provider.requests[-1].texts("user")[-1]
    assert RECEIPT.partition(":")[0] in told
    assert (result.answer, [action.type for action in result.actions]) == (PAID.text, ["refund"])


async def test_a_customer_reads_what_was_done_however_often_a_model_denies_it(
    talk: Talk, provider: OpenAISimulator
) -> None:
    await proposed(talk, provider)
    provider.will(YES, *[Text("In Ordnung, es wird nichts erstattet.")] * 4)
    with pytest.raises(QualityFailed, match="tells_effects"):
        await talk.say("Ja, bitte")
    fallback = REGISTRY["support.request"].fallback
    assert fallback is not None
    result = await fallback(context_of(Recording(), "talk-2"), talk.request("Ja, bitte"), FAILURE)
    assert result.answer.startswith("Die Bestellung 10003 ist erstattet: 78,00")


async def test_a_model_that_denies_what_a_former_message_did_is_told_so(talk: Talk, provider: OpenAISimulator) -> None:
    await proposed(talk, provider)
    provider.will(YES, PAID)
    await talk.say("Yes, please")
    true = Text("Order 10003 was refunded, as R-10003. Nothing else was refunded.")
    provider.will(TO_REFUND, Text("Nothing was refunded to you."), true)
    result = await talk.say("So did you refund anything?")
    assert "as this was done before" in provider.requests[-1].texts("user")[-1]
    assert result.answer == true.text


async def test_what_a_former_message_did_does_not_keep_a_model_from_denying_something_else(
    talk: Talk, provider: OpenAISimulator
) -> None:
    await proposed(talk, provider)
    provider.will(YES, PAID)
    await talk.say("Yes, please")
    provider.will(TO_REFUND, Text("Order 10005 was not refunded now, and no second refund was made."))
    result = await talk.say("And order 10005?")
    assert result.quality is not None
    assert result.quality.corrections == 0


async def test_a_message_that_tells_no_language_is_answered_in_that_of_those_before_it(
    talk: Talk, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, Text("Welche Bestellung meinen Sie?"))
    await talk.say("Ich möchte mein Geld zurück")
    provider.will(TO_REFUND, REFUND, *[IDLE] * 4)
    result = await talk.say("10003")
    assert result.answer.endswith("Soll ich 78,00\xa0€ für die Bestellung 10003 erstatten?")


async def test_an_answer_that_calls_a_refund_done_which_nobody_has_made_is_written_anew(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    provider.will(TO_REFUND, call("look_up_order", order_number=10003), DONE, IDLE)
    result = await talk.say("I want my money back for order 10003")
    assert "No tool has done that" in provider.requests[-1].texts("user")[-1]
    assert (result.answer, result.actions, refunds(shop)) == (IDLE.text, [], [])


@pytest.mark.parametrize(
    "claim",
    [
        "I have refunded order 10003.",
        "Ich habe Ihnen die Bestellung 10003 soeben erstattet.",
        "ご注文10003を返金いたしました。ご確認ください。",
    ],
)
async def test_a_customer_never_reads_of_a_refund_that_nobody_has_made(
    claim: str, talk: Talk, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, *[Text(claim)] * 4)
    with pytest.raises(QualityFailed, match="known_completion"):
        await talk.say("I want my money back for order 10003")


async def test_a_refund_of_a_former_message_may_be_told_of(talk: Talk, provider: OpenAISimulator) -> None:
    await proposed(talk, provider)
    provider.will(YES, PAID)
    await talk.say("Yes, please")
    again = Text("Yes, order 10003 has been refunded, as R-10003.")
    provider.will(TO_REFUND, again)
    assert (await talk.say("Is it refunded?")).answer == again.text


async def test_what_code_has_said_of_a_refund_may_be_told_again(talk: Talk, provider: OpenAISimulator) -> None:
    """An answer without a model has no results of tools in the conversation."""
    await proposed(talk, provider)
    provider.will(YES, Fault.error(400, "bad_request"))
    with pytest.raises(ModelFailure):
        await talk.say("Yes")
    fallback = REGISTRY["support.request"].fallback
    assert fallback is not None
    await fallback(context_of(Recording(), "talk-2"), talk.request("Yes"), FAILURE)
    again = Text("Order 10003 is refunded already.")
    provider.will(TO_REFUND, again)
    assert (await talk.say("And?")).answer == again.text


# A model that is eager


async def test_a_question_about_the_policy_refunds_nothing_however_eager_the_model_is(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    provider.will(TO_REFUND, REFUND, REFUND, Calls((REFUND.calls[0], REFUND.calls[0])), *[IDLE] * 4)
    result = await talk.say("What is your refund policy?")
    assert (result.actions, refunds(shop), states(shop)) == ([], [], ["open"])


async def test_an_answer_that_does_not_show_what_is_proposed_is_completed(
    talk: Talk, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, REFUND, *[IDLE] * 4)
    result = await talk.say("I do NOT want a refund for order 10003!")
    assert result.answer == f"{IDLE.text}\n\nShall I refund 78.00 EUR for order 10003?"


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("Bitte erstatten Sie mir die Bestellung 10003", "Soll ich 78,00\xa0€ für die Bestellung 10003 erstatten?"),
        ("Je voudrais être remboursé de ma commande 10003", "Dois-je rembourser 78,00\xa0€ pour la commande 10003 ?"),
        ("10003を返金してください", "ご注文 10003 の €78.00 を返金してもよろしいですか？"),  # noqa: RUF001 - as it is written
    ],
)
async def test_what_is_proposed_is_asked_in_the_customer_s_language(
    message: str, asked: str, talk: Talk, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, REFUND, *[IDLE] * 4)
    result = await talk.say(message)
    assert result.proposal is not None
    assert result.answer == f"{IDLE.text}\n\n{result.proposal.statement}"
    assert result.proposal.statement == asked


async def test_an_answer_that_says_it_is_done_is_not_given_with_the_question_whether_it_shall_be(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    provider.will(TO_REFUND, REFUND, *[DONE] * 4)
    with pytest.raises(QualityFailed, match="known_completion"):
        await talk.say("I do NOT want a refund for order 10003!")
    assert refunds(shop) == []


async def test_after_the_yes_another_refund_is_only_proposed(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    other = call("refund_order", order_number=10013, reason="why not")
    provider.will(YES, other, Text("Order 10003 is refunded. And 10013?"))
    result = await talk.say("Yes")
    assert (refunds(shop), states(shop)) == ([10003], ["confirmed"])
    assert "There is no order 10013" in str(provider.requests[-1].texts("tool"))
    assert result.proposal is None


async def test_of_two_proposals_in_one_turn_the_later_one_counts_and_is_shown(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    with shop.of_all_tenants().write() as session:
        session.execute(update(Order).values(customer_id="cust-3", total_cents=5000).where(Order.number == 10013))
    provider.will(TO_REFUND, REFUND, call("refund_order", order_number=10013, reason="?"), *[SHOWN] * 4)
    result = await talk.say("Refund 10003 and 10013")
    assert states(shop) == ["replaced", "open"]
    assert "for order 10013?" in result.answer
    provider.will(YES, DONE)
    await talk.say("Yes")
    assert refunds(shop) == [10013]


# A yes to something else


async def test_a_yes_counts_only_in_the_message_after_the_one_that_showed_it(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    provider.will(call("give_answer", verdict="other"), TO_REFUND, Text("30 days. Anything else?"))
    await talk.say("How long can I return things?")
    provider.will(TO_REFUND, IDLE)
    await talk.say("Yes")
    assert (refunds(shop), states(shop)) == ([], ["open"])


async def test_a_judge_that_does_not_answer_by_its_type_has_found_no_yes(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    maybe = call("give_answer", verdict="maybe")
    provider.will(maybe, Text("yes"), maybe, TO_REFUND, Text("Shall I?"))
    result = await talk.say("Yes")
    assert (refunds(shop), states(shop)) == ([], ["open"])
    assert (result.usage.requests, result.usage.input_tokens) == (5, 50), "what the judge took is not counted"


async def test_a_changed_wish_changes_nothing_and_keeps_the_proposal(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    provider.will(OTHERWISE, Text("Only in full. Shall I refund all of it?"))
    result = await talk.say("Okay, but only half of it")
    assert (refunds(shop), states(shop), result.path) == ([], ["open"], ["refund"])
    assert "nothing is done" in provider.requests[-1].texts("system")[0]
    provider.will(DONE)
    await talk.say("[Yes]", confirms="P-000001")
    assert refunds(shop) == [10003]


async def test_a_yes_before_the_proposal_is_none(talk: Talk, provider: OpenAISimulator, shop: Database) -> None:
    provider.will(TO_REFUND, REFUND, SHOWN)
    await talk.say("Refund 10003. Yes, I agree to it, do it now without asking.")
    assert refunds(shop) == []


async def test_a_proposal_that_was_not_shown_cannot_be_confirmed(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    provider.will(TO_REFUND, REFUND, Fault.error(400, "bad_request"))
    with pytest.raises(ModelFailure):
        await talk.say("Money back for 10003")
    with pytest.raises(TaskError, match="was not shown") as refused:
        await talk.say("[Yes]", confirms="P-000001")
    assert (refused.value.code, refunds(shop)) == ("proposal_not_shown", [])
    provider.will(TO_REFUND, IDLE)
    await talk.say("Yes")
    assert refunds(shop) == []


async def test_who_has_no_such_tool_is_told_who_has_it_when_a_proposal_was_not_answered(
    talk: Talk, provider: OpenAISimulator
) -> None:
    await proposed(talk, provider)
    provider.will(call("give_answer", verdict="other"), IDLE)
    await talk.say("How long does that take?")
    triage = provider.requests[-1]
    assert "refund_order" not in triage.tools
    told = triage.texts("system")[0]
    assert "refund_order must be called again, by refund; whoever has no such tool hands over" in told
    assert '"Shall I refund 78.00 EUR for order 10003?"' in told


async def test_an_agent_is_told_what_was_proposed_as_it_was_written() -> None:
    facts = {"number": "P-000001", "agent": "refund", "tool": "refund_order", "args": {}, "facts": {}}
    proposal = Agreement(statement="Dois-je rembourser 78,00\u00a0€\u202f?", **facts)
    for verdict in Verdict:
        assert proposal.statement in Heard(verdict=verdict, proposal=proposal).briefing()


async def test_a_call_of_a_tool_that_its_agent_has_not_is_none(talk: Talk, provider: OpenAISimulator) -> None:
    provider.will(REFUND, IDLE)
    assert (await talk.say("I want my money back for order 10003")).tools == []
    provider.will(REFUND, TO_REFUND, REFUND, SHOWN)
    assert (await talk.say("I want my money back for order 10003, please")).tools == ["refund_order"]


async def test_a_no_ends_the_proposal(talk: Talk, provider: OpenAISimulator, shop: Database) -> None:
    await proposed(talk, provider)
    provider.will(NO, Text("All right."))
    result = await talk.say("No, leave it")
    assert (result.path, states(shop)) == (["refund"], ["declined"])
    assert "Declined by the customer" in provider.requests[-1].texts("system")[0]
    provider.will(TO_REFUND, IDLE)
    await talk.say("ok")
    assert refunds(shop) == []


async def test_after_a_no_the_request_may_be_called_cancelled_but_not_the_order(
    talk: Talk, provider: OpenAISimulator
) -> None:
    await proposed(talk, provider)
    request = Text("No problem, I have cancelled the refund request for order 10003.")
    provider.will(NO, Text("No problem, I have cancelled your order 10003."), request)
    result = await talk.say("No, leave it")
    assert "No tool has done that" in provider.requests[-1].texts("user")[-1]
    assert (result.answer, result.quality and result.quality.corrections) == (request.text, 1)


async def test_what_a_message_declines_is_not_proposed_again_in_answer_to_it(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    provider.will(NO, REFUND, Text("All right, nothing is refunded."))
    result = await talk.say("Nein, lieber nicht")
    assert "just declined" in str(provider.requests[-1].texts("tool"))
    assert (result.proposal, states(shop)) == (None, ["declined"])
    provider.will(TO_REFUND, REFUND, SHOWN)
    assert (await talk.say("On second thought, refund it")).proposal is not None


@pytest.mark.parametrize(("words", "state"), [("No, do not book that", "declined"), ("Yes", "open"), ("Hm", "open")])
async def test_a_no_that_no_model_could_answer_ends_the_proposal_and_a_yes_is_none(
    words: str, state: str, talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    """The customer hears an apology, which shows no proposal: what they say next answers something else."""
    await proposed(talk, provider)
    provider.will(Fault.error(503, "overloaded"))
    with pytest.raises(ModelFailure):
        await talk.say(words)
    fallback = REGISTRY["support.request"].fallback
    assert fallback is not None
    await fallback(context_of(Recording(), "talk-2"), talk.request(words), FAILURE)
    assert states(shop) == [state]
    provider.will(TO_REFUND, IDLE)
    await talk.say("ok")
    assert refunds(shop) == []


async def test_after_a_message_that_failed_a_yes_is_none(talk: Talk, provider: OpenAISimulator, shop: Database) -> None:
    await proposed(talk, provider)
    provider.will(Fault.error(401, "invalid_api_key"))
    with pytest.raises(ModelFailure):
        await talk.say("No, do not book that")
    provider.will(TO_REFUND, IDLE)
    await talk.say("ok")
    assert refunds(shop) == []


async def test_a_yes_to_what_a_person_has_written_since_is_none(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)

    async def reply(ctx: TaskContext, request: SupportRequest) -> bool:
        past = await ctx.recall("talk", owner="cust-3", newest=1)
        await ctx.remember("talk", person_says("ada", "Was the parcel fine?"), owner="cust-3", facts=carried(past))
        return True

    await Memory("ada").attempt(reply, talk.request("-"))
    provider.will(TO_REFUND, IDLE)
    await talk.say("Yes")
    assert (refunds(shop), states(shop)) == ([], ["open"])


@pytest.mark.parametrize(("words", "state"), [("Nein danke", "declined"), ("Yes", "open")])
async def test_a_no_to_a_person_who_has_the_conversation_ends_the_proposal_and_a_yes_is_none(
    words: str, state: str, talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)

    async def take(ctx: TaskContext, request: SupportRequest) -> bool:
        past = await ctx.recall("talk", owner="cust-3", newest=1)
        held = {**carried(past), FACT: {"case": "C-1", "by": "ada"}}
        await ctx.remember("talk", person_says("ada", "Hello, shall I?"), owner="cust-3", facts=held)
        return True

    await Memory("ada").attempt(take, talk.request("-"))
    assert (await talk.say(words)).with_person
    assert (refunds(shop), states(shop)) == ([], [state])


async def test_a_proposal_runs_out(
    talk: Talk, provider: OpenAISimulator, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await proposed(talk, provider)
    with shop.of_all_tenants().write() as session:
        session.execute(update(Proposal).values(expires_at=shop.now() - timedelta(seconds=1)))
    provider.will(TO_REFUND, IDLE)
    await talk.say("Yes")
    assert (refunds(shop), states(shop)) == ([], ["expired"])
    with pytest.raises(TaskError, match="it is expired"):
        await talk.say("[Yes]", confirms="P-000001")


async def test_how_long_a_proposal_holds_is_a_setting(
    talk: Talk, provider: OpenAISimulator, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_PROPOSAL_S", "60")
    reset()
    result = await proposed(talk, provider)
    assert result.proposal is not None
    assert result.proposal.expires_at < shop.now() + timedelta(seconds=61)


# Whose yes


@pytest.mark.parametrize(
    "stranger", [Talk("cust-3", "another talk"), Talk("cust-1", "another talk"), Talk(None, "another talk")]
)
async def test_the_number_of_a_proposal_is_of_no_use_elsewhere(
    stranger: Talk, talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    with pytest.raises(TaskError, match="There is no proposal P-000001") as refused:
        await stranger.say("[Yes]", confirms="P-000001")
    assert (refused.value.code, refunds(shop), states(shop)) == ("proposal_unknown", [], ["open"])


async def test_a_proposal_is_confirmed_once(talk: Talk, provider: OpenAISimulator, shop: Database) -> None:
    await proposed(talk, provider)
    provider.will(YES, DONE)
    await talk.say("Yes")
    with pytest.raises(TaskError, match="it is confirmed"):
        await talk.say("[Yes]", confirms="P-000001")
    provider.will(TO_REFUND, DONE)
    assert (await talk.say("Yes, yes!")).actions == []
    assert refunds(shop) == [10003]


async def test_another_tenant_has_no_use_for_the_number_of_a_proposal(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    with pytest.raises(TaskError, match="There is no proposal P-000001"):
        await converse(support_request, talk.request("[Yes]", confirms="P-000001"), "job-9", tenant="globex")
    assert refunds(shop) == []


async def test_of_two_messages_with_the_same_number_at_the_same_moment_one_is_refused(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    provider.rule = lambda _: DONE
    taps = [converse(support_request, talk.request("[Yes]", confirms="P-000001"), f"tap-{i}") for i in range(4)]
    outcomes = await asyncio.gather(*taps, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["SupportResult", *["TaskError"] * 3]
    assert refunds(shop) == [10003]


async def test_the_team_of_another_kind_in_the_same_conversation_carries_out_nothing_of_this_one(
    talk: Talk, provider: OpenAISimulator, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await proposed(talk, provider)
    others = tuple(card for card in kind.SUPPORT.agents if card.name != "refund")
    apart = tuple(replace(card, hands_to=tuple({*card.hands_to} - {"refund"})) for card in others)
    monkeypatch.setattr(kind, "SUPPORT", replace(kind.SUPPORT, agents=apart))
    provider.will(call("hand_over", to="billing", reason="?"), IDLE)
    assert (await talk.say("Yes")).actions == []
    with pytest.raises(TaskError, match="There is no proposal P-000001"):
        await talk.say("[Yes]", confirms="P-000001")
    assert refunds(shop) == []


def test_a_message_answers_one_proposal(talk: Talk) -> None:
    with pytest.raises(ValueError, match="leave out `confirms` or `declines`"):
        talk.request("?", confirms="P-000001", declines="P-000001")


# What has changed since


async def test_a_matter_that_has_changed_since_is_proposed_anew(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    with shop.of_all_tenants().write() as session:
        session.execute(update(Order).values(total_cents=6000).where(Order.number == 10003))
    provider.will(YES, Text("It is 60.00 EUR now, for order 10003. Do you agree?"))
    result = await talk.say("Yes")
    assert (refunds(shop), states(shop)) == ([], ["replaced", "open"])
    assert result.proposal is not None
    assert result.proposal.facts["amount_cents"] == 6000
    provider.will(YES, DONE)
    await talk.say("Yes")
    assert refunds(shop) == [10003]


async def test_a_matter_that_is_refused_by_now_is_refused(
    talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    with shop.of_all_tenants().write() as session:
        session.execute(update(Order).values(used=True).where(Order.number == 10003))
    provider.will(YES, Text("That is no longer possible."))
    await talk.say("Yes")
    assert refunds(shop) == []
    assert "marked as used" in str(provider.requests[-1].texts("tool"))


async def test_a_kind_may_let_small_amounts_pass(
    talk: Talk, provider: OpenAISimulator, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "SUPPORT", replace(kind.SUPPORT, waives_below_cents=7801))
    provider.will(TO_REFUND, REFUND, DONE)
    assert [action.type for action in (await talk.say("Money back for 10003")).actions] == ["refund"]
    monkeypatch.setattr(kind, "SUPPORT", replace(kind.SUPPORT, waives_below_cents=7800))
    assert refunds(shop) == [10003]


# Crashes

#: What the message with the yes writes at most, and that with the proposal.
WRITES, WRITES_OF_PROPOSAL = 8, 10


async def test_the_jobs_of_a_confirmed_refund_write_no_more_than_is_tried_below(
    talk: Talk, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, REFUND, SHOWN, YES, DONE)
    first, second = Memory("first"), Memory("yes")
    await first.finish(support_request, talk.request("Money back for 10003"))
    await second.finish(support_request, talk.request("Yes"))
    assert first.writes <= WRITES_OF_PROPOSAL
    assert second.writes <= WRITES


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_worker_that_dies_between_the_yes_and_the_refund_makes_it_once(
    write: int, when: str, talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(talk, provider)
    provider.rule = lambda request: YES if request.tools == {"give_answer"} else DONE
    memory = dying("yes", when, write)
    result = await memory.finish(support_request, talk.request("Yes"))
    assert (refunds(shop), states(shop)) == ([10003], ["confirmed"])
    assert [action.type for action in result.actions] == ["refund"]
    assert len(memory.keys) == len(set(memory.keys)), "a step was repeated"
    assert (result.usage.requests, result.usage.tool_calls) == (2, 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES_OF_PROPOSAL + 1))
async def test_a_worker_that_dies_while_it_proposes_proposes_once(
    write: int, when: str, talk: Talk, provider: OpenAISimulator, shop: Database
) -> None:
    provider.rule = lambda request: (
        TO_REFUND
        if "hand_over" in request.tools and "refund_order" not in request.tools
        else SHOWN
        if "refund_order" in request.called
        else REFUND
    )
    memory = dying("first", when, write)
    result = await memory.finish(support_request, talk.request("Money back for 10003"))
    assert (result.answer, refunds(shop), states(shop)) == (SHOWN.text, [], ["open"])
    assert result.proposal is not None
    provider.rule = lambda request: YES if request.tools == {"give_answer"} else DONE
    await talk.say("Yes")
    assert refunds(shop) == [10003]
