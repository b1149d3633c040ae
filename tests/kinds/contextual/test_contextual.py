"""The contextual assistant: told whom it serves and how things are, for each request anew."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, func, select

from backdesk.agents.desk import Desk
from backdesk.agents.failures import QualityFailed
from backdesk.agents.outcome import Refusal
from backdesk.kinds.contextual.contract import ContextualRequest, ContextualResult, PreferenceStated
from backdesk.kinds.contextual.kind import assistant_contextual
from backdesk.kinds.contextual.profile import read_profile
from backdesk.kinds.contextual.tables import Interaction, PreferenceStatement, PromptRuleRow
from backdesk.kinds.contextual.tools.preferences import update_preference
from backdesk.kinds.contextual.tools.recommendations import Recommendations, recommend_products
from backdesk.platform.database import Database
from backdesk.service.contract import TicketOpened
from backdesk.shop.tables import Customer, Order, Product
from backdesk.tools.status import system_status
from backdesk.worker.model.job import DEFAULT_TENANT
from tests.support.deployment import desk_of
from tests.support.memory import Memory
from tests.support.openai_simulator import Calls, OpenAISimulator, Reply, Text, call
from tests.support.recording import Recording, context_of, converse

pytestmark = pytest.mark.usefixtures("shop")


async def asked(
    message: str,
    job: str = "job-1",
    customer: str | None = "cust-1",
    *,
    talk: str | None = None,
    tenant: str = DEFAULT_TENANT,
    sink: Recording | None = None,
) -> ContextualResult:
    request = ContextualRequest(message=message, customer_id=customer, conversation_id=talk)
    return await converse(assistant_contextual, request, job, tenant=tenant, sink=sink)


# What it cannot do


@pytest.mark.parametrize(
    "claim",
    [
        "I have refunded order 10003.",
        "Ich habe Ihnen die Bestellung 10003 soeben erstattet.",
        "ご注文10003を返金いたしました。ご確認ください。",
    ],
)
async def test_no_customer_reads_that_it_has_done_what_it_has_no_tool_for(
    claim: str, provider: OpenAISimulator
) -> None:
    provider.will(*[Text(claim)] * 4)
    with pytest.raises(QualityFailed, match="known_completion"):
        await asked("I want my money back for order 10003", customer="cust-3")


# Offline


async def test_the_answer_addresses_the_customer_as_they_like_it() -> None:
    assert (await asked("Hello there!")).answer.startswith("Hello Ada,")


async def test_the_result_tells_what_the_instructions_were_composed_from() -> None:
    result = await asked("Can you recommend something?")
    assert result.preferences == {"communication_style": "casual", "interested_in": "computing"}
    assert result.rules == ["premium-early-access", "audio-weeks"]
    assert result.sentiment == "neutral"
    assert result.system is not None
    assert (result.system.running, result.system.slots, result.system.load) == (1, 4, "low")
    assert str(result.local_time and result.local_time.tzinfo) in {"Europe/Paris", "UTC+01:00", "UTC+02:00"}
    assert result.business_hours is not None


async def test_whoever_watches_sees_which_rules_apply() -> None:
    sink = Recording()
    await asked("I want a refund, this is terrible!", sink=sink)
    (told,) = sink.of("instructions")
    assert told["rules"] == ["calm-displeased-customers", "returns-policy"]
    assert told["sentiment"] == "negative"


async def test_recommendations_follow_what_the_customer_is_interested_in() -> None:
    answer = (await asked("What do you recommend?", customer="cust-1")).answer
    assert "Cobalt keyboard" in answer
    assert "interested in computing" in answer
    assert "Fjord router" in (await asked("Can you recommend something in networking?", "job-2")).answer


async def test_a_preference_that_the_customer_states_holds_from_the_next_message_on() -> None:
    kept = await asked("From now on I prefer formal answers", "job-1")
    then = await asked("Hello", "job-2")
    assert kept.actions == [PreferenceStated(name="communication_style", value="formal", source="explicit")]
    assert kept.preferences["communication_style"] == "formal"
    assert then.answer.startswith("Good day, Ada Moreau.")


async def test_a_value_that_cannot_be_preferred_is_refused_with_the_list() -> None:
    result = await asked("Please set my contact method to pigeon")
    assert "email, phone, chat, sms" in result.answer
    assert result.actions == []


@pytest.mark.parametrize("message", ["Please don't call me, ever", "Never contact me by phone, I do not prefer it!"])
async def test_what_a_customer_refuses_is_not_learned_as_their_preference(message: str) -> None:
    result = await asked(message, customer="cust-2")
    assert (result.learned, result.preferences) == ([], {})


async def test_nothing_is_learned_before_the_model_has_read_the_message(provider: OpenAISimulator) -> None:
    provider.will(Text("We do not call you any more, Mr Okafor."))
    sink = Recording()
    result = await asked("Please don't call me, ever", customer="cust-2", sink=sink)
    assert (result.learned, result.preferences, result.actions) == ([], {}, [])
    assert "They prefer" not in provider.requests[0].texts("system")[0]
    assert sink.of("instructions")[0]["learned"] == []


async def test_what_a_model_learns_comes_with_the_customers_own_words(provider: OpenAISimulator) -> None:
    kept = Text("Gern, wir schreiben Ihnen von nun an eine SMS, Herr Okafor.")

    def update(quote: str) -> Calls:
        return call("update_preference", preference="contact_method", value="sms", quote=quote, source="inferred")

    provider.will(update("I love text messages"), update("schreiben Sie mir"), kept)
    result = await asked("Bitte schreiben Sie mir eine SMS", customer="cust-2")
    assert "does not stand" in provider.requests[1].texts("tool")[0]
    assert [(each.value, each.reason) for each in result.learned] == [
        ("sms", "The customer wrote 'schreiben Sie mir'.")
    ]
    assert result.preferences == {"contact_method": "sms"}


async def test_what_a_message_teaches_is_told_with_its_answer() -> None:
    result = await asked("Keep it short: where is order 10001?", customer="cust-2")
    assert [(each.name, each.value) for each in result.learned] == [("communication_style", "concise")]
    assert result.preferences == {"communication_style": "concise"}


async def test_what_is_inferred_does_not_change_what_was_stated() -> None:
    result = await asked("Explain it step by step, please.", customer="cust-1")
    assert [each.value for each in result.learned] == ["detailed"]
    assert result.preferences["communication_style"] == "casual"


async def test_preferences_are_explained_on_request() -> None:
    await asked("I prefer sms", "job-1")
    answer = (await asked("What do you know about my preferences?", "job-2")).answer
    assert "contact_method sms (explicit" in answer
    assert "noted by assistant" in answer
    assert "interested_in lighting (inferred" in answer


async def test_the_sentiment_is_that_of_the_conversation() -> None:
    await asked("This is terrible, I am very angry!", "job-1", talk="talk")
    await asked("Awful, horrible service!", "job-2", talk="talk")
    assert (await asked("Where is order 10001?", "job-3", talk="talk")).sentiment == "negative"
    assert (await asked("Where is order 10001?", "job-4", talk="other")).sentiment == "neutral"


async def test_a_tenant_s_customers_are_its_own(shop: Database) -> None:
    await asked("I prefer sms", tenant="acme")
    with shop.of_all_tenants().read() as session:
        ours, theirs = (read_profile(session, tenant, "cust-1") for tenant in ("acme", "other"))
    assert (ours.preferences, len(ours.interactions)) == ({"contact_method": "sms"}, 1)
    assert (theirs.preferences, theirs.interactions) == ({}, ())


async def test_a_customer_whom_the_shop_does_not_know_is_served_by_default(shop: Database) -> None:
    with shop.of("default").write() as session:
        session.add(Customer(id="odd", name="Odd", email="o@example.com", tier="gold", time_zone="Mars/Base"))
    for customer in (None, "nobody", "odd"):
        result = await asked("I prefer sms. Keep it short!", f"job-{customer}", customer)
        assert result.answer
        assert str(result.local_time).endswith("+00:00")


@pytest.mark.parametrize(
    "message",
    [
        "asdf qwer zxcv",
        "??",
        "damn, this is stupid, gonna sue you",
        "Where is 10002? And 10007? What about the rest?",
        "HELLO ARE YOU THERE",
        "Why do you call me that?",
    ],
)
async def test_whatever_is_asked_gets_an_answer_that_passes_its_review(message: str) -> None:
    result = await asked(message, customer="cust-2")
    assert result.quality is not None
    assert result.quality.review.passed


async def test_a_person_is_asked_for_by_a_ticket() -> None:
    result = await asked("I want to talk to a person, this is urgent")
    assert [action.priority for action in result.actions if isinstance(action, TicketOpened)] == ["urgent"]


@pytest.mark.parametrize(("customer", "priority"), [("cust-2", "normal"), ("cust-3", "high")])
async def test_what_cannot_be_done_at_once_becomes_a_ticket_as_the_tier_is_served(customer: str, priority: str) -> None:
    result = await asked("I want my money back", customer=customer)
    assert [action.priority for action in result.actions if isinstance(action, TicketOpened)] == [priority]


# History


def interactions(shop: Database, customer: str = "cust-2") -> list[str]:
    with shop.of_all_tenants().read() as session:
        chosen = select(Interaction.asked).filter_by(customer_id=customer).order_by(Interaction.id)
        return list(session.scalars(chosen))


async def test_each_job_adds_one_interaction_whatever_becomes_of_its_attempts(shop: Database) -> None:
    memory = Memory("undisturbed")
    request = ContextualRequest(message="Keep it short: where is 10002?", customer_id="cust-2")
    await memory.finish(assistant_contextual, request)
    for write in range(1, memory.writes + 1):
        result = await Memory(f"job-{write}", dies_before=write).finish(assistant_contextual, request)
        assert result.answer
    assert interactions(shop) == ["Keep it short: where is 10002?"] * (1 + memory.writes)
    with shop.of_all_tenants().read() as session:
        assert (
            session.scalar(select(func.count()).select_from(PreferenceStatement).filter_by(customer_id="cust-2")) == 1
        )


async def test_the_last_three_are_told_of(shop: Database) -> None:
    for number in range(4):
        await asked(f"Where is order 1000{number}?", f"job-{number}", "cust-2", tenant="default")
    with shop.of_all_tenants().read() as session:
        profile = read_profile(session, "default", "cust-2")
    assert [each.asked[-2] for each in profile.interactions] == ["3", "2", "1"]
    assert "10003" in profile.interactions[0].answered


async def test_all_attempts_at_a_job_work_by_the_same_instructions(provider: OpenAISimulator, shop: Database) -> None:
    provider.will(
        call("system_status"), Text("The Aurora is the lamp that we recommend to you, and the shop is not busy.")
    )
    memory = Memory(dies_after=4)
    request = ContextualRequest(message="Can you recommend a lamp?", customer_id="cust-2")
    assert await memory.attempt(assistant_contextual, request) is None
    with shop.of_all_tenants().write() as session:
        session.execute(delete(PromptRuleRow))
    result = await memory.finish(assistant_contextual, request)
    told = {request.texts("system")[0] for request in provider.requests}
    assert (memory.attempts, len(told), len(provider.requests)) == (2, 1, 2)
    assert result.rules == ["audio-weeks"]


# Over the wire

ANSWER = Text("We text you about your lamp, and a colleague looks into why it flickers.")
#: A conversation in which each of the agent's tools is called.
SCRIPT: list[Reply] = [
    call("update_preference", preference="contact_method", value="sms", quote="Text me"),
    call("explain_preferences"),
    call("recommend_products", interest="audio"),
    call("system_status"),
    call("look_up_order", order_number=10001),
    call("search_articles", query="lamp flickers"),
    call("open_ticket", subject="A lamp", details="It flickers.", priority="high"),
    ANSWER,
]
REQUEST = ContextualRequest(message="Text me about my lamp, it flickers.", customer_id="cust-1")


@pytest.mark.parametrize("watched", [False, True])
async def test_an_agent_calls_its_tools_over_the_wire(provider: OpenAISimulator, shop: Database, watched: bool) -> None:
    provider.will(*SCRIPT)
    sink = Recording(watched=watched)
    result: ContextualResult = await assistant_contextual(context_of(sink), REQUEST)
    assert result.answer == ANSWER.text
    assert "".join(sink.tokens) == ANSWER.text, "in one piece, once it has passed its review"
    assert [data["outcome"] for data in sink.of("tool_returned")] == ["success"] * 7
    assert {action.type for action in result.actions} == {"preference", "ticket"}
    with shop.of_all_tenants().read() as session:
        assert read_profile(session, "default", "cust-1").preferences["contact_method"] == "sms"


async def test_the_model_is_told_what_was_composed(provider: OpenAISimulator) -> None:
    provider.will(Text("We are sorry about it. Your refund needs the number of the order, please."))
    await asked("I want a refund, it is terrible!", "job-1", "cust-3")
    (told,) = provider.requests[0].texts("system")
    for part in (
        'Name: "Chiara Rossi". They are an enterprise customer',
        "Be concise",
        "contact_method phone",
        'asked "My order is late, please call me."',
        "(Europe/Rome) for the customer",
        "The load of the system is low",
        "The customer sounds negative",
        "Enterprise customers get a ticket",
    ):
        assert part in told


# Recommendations


async def recommended(shop: Database, customer: str | None, interest: str | None = None) -> Recommendations:
    outcome = await recommend_products(desk_of(shop, customer_id=customer), interest)
    assert isinstance(outcome, Recommendations)
    return outcome


@pytest.mark.parametrize(
    ("customer", "tier", "most"), [("new-1", "basic", 2), ("new-2", "premium", 3), ("new-3", "enterprise", 5)]
)
async def test_recommendations_are_as_many_and_as_good_as_the_tier_is_served(
    shop: Database, customer: str, tier: str, most: int
) -> None:
    with shop.of("default").write() as session:
        session.add(Customer(id=customer, name="New", email="n@example.com", tier=tier, time_zone="UTC"))
    prices = [each.price_cents for each in (await recommended(shop, customer)).products]
    assert len(prices) == most
    assert prices == sorted(prices, reverse=tier != "basic")


async def test_what_is_not_in_stock_or_was_bought_is_not_recommended(shop: Database) -> None:
    names = {each.product for each in (await recommended(shop, "cust-3")).products}
    with shop.of_all_tenants().read() as session:
        orders = session.scalars(select(Order).filter_by(customer_id="cust-3").where(Order.status != "cancelled"))
        bought = {line.product.name for order in orders for line in order.lines}
        gone = set(session.scalars(select(Product.name).where(Product.stock == 0)))
    assert names
    assert not names & (bought | gone)


async def test_where_nothing_is_left_of_an_interest_something_else_is_recommended(shop: Database) -> None:
    desk = desk_of(shop, customer_id="cust-1")
    desk.message = "I like music"
    await update_preference(desk, "interested_in", "audio", "music")
    outcome = await recommended(shop, "cust-1")
    assert (outcome.interest, len(outcome.products)) == (None, 3)
    assert (await recommended(shop, "cust-1", "audio")).products == []


async def test_the_last_pieces_are_for_those_who_may_have_them(shop: Database) -> None:
    basic = {each.product for each in (await recommended(shop, None, "computing")).products}
    assert "Glide webcam" not in basic


async def test_an_interest_that_is_none_is_refused_with_the_list(shop: Database) -> None:
    outcome = await recommend_products(desk_of(shop), "gardening")
    assert isinstance(outcome, Refusal)
    assert "lighting, audio, computing, smart home, networking" in outcome.refused


async def test_the_state_of_the_system_is_the_engine_s(shop: Database) -> None:
    desk: Desk[Any] = desk_of(shop)
    desk.system = context_of(Recording()).system
    status = await system_status(desk)
    assert (status.running, status.queued, status.slots, status.workers, status.load) == (1, 0, 4, 1, "low")
