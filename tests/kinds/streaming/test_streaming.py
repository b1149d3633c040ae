"""Sessions with the analyst: begun, answered, reported to in stages, and closed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import delete, select

from backdesk.agents.outcome import Refusal
from backdesk.kinds.streaming.advice import AdviceFound, find_advice
from backdesk.kinds.streaming.contract import Complexity, StreamingRequest, StreamingResult
from backdesk.kinds.streaming.kind import STAGES_SHARE, assistant_streaming
from backdesk.kinds.streaming.reporting import STAGES
from backdesk.platform.database import Database
from backdesk.shop.purchases import (
    FEWEST_OTHERS,
    OrdersReviewed,
    SpendingByCategory,
    SpendingByMonth,
    SpendingCompared,
    compare_spending,
    review_orders,
    spending_by_category,
    spending_by_month,
)
from backdesk.shop.tables import Customer, Order, OrderLine, Refund
from backdesk.worker.errors import TaskError
from tests.support.deployment import desk_of
from tests.support.memory import Memory
from tests.support.openai_simulator import OpenAISimulator, Reply, Text, call
from tests.support.recording import Recording, converse

pytestmark = pytest.mark.usefixtures("shop")

REPORT = "Please report on my purchases."


async def said(
    message: str = "",
    job: str = "job-1",
    customer: str | None = "cust-2",
    talk: str | None = "talk",
    *,
    sink: Recording | None = None,
    **more: Any,
) -> StreamingResult:
    request = StreamingRequest(message=message, customer_id=customer, conversation_id=talk, **more)
    return await converse(assistant_streaming, request, job, sink=sink)


# Without a model


@pytest.mark.parametrize(
    ("message", "says"),
    [("Mein Router geht nicht.", "I read English alone"), ("注文10002はどこですか", "Order 10002")],
)
async def test_the_rules_say_that_they_read_english_alone_and_know_a_number_in_any_script(
    message: str, says: str
) -> None:
    assert says in (await said(message)).answer


# Sessions


async def test_a_session_begins_with_its_first_message_and_counts_them() -> None:
    seen = [(await said("Hello", f"job-{turn}")).session for turn in (1, 2, 3)]
    assert [each and each.messages for each in seen] == [1, 2, 3]
    assert len({each and each.started_at for each in seen}) == 1
    assert seen[2] is not None
    assert seen[2].duration_s >= 0
    assert seen[2].closed_at is None


async def test_a_message_without_a_session_begins_one_that_it_names() -> None:
    first = await said("Hello", "job-1", talk=None)
    then = await said("Hello again", "job-2", talk=first.conversation_id)
    assert (first.conversation_id, then.session and then.session.messages) == ("job-1", 2)


async def test_a_session_can_be_closed() -> None:
    await said("Hello", "job-1")
    closed = await said(job="job-2", action="close")
    assert closed.session is not None
    assert closed.session.messages == 1
    assert closed.session.closed_at is not None
    assert closed.answer.startswith("The session is closed after 1 message ")
    assert closed.usage.requests == 0


async def test_a_closed_session_refuses_further_messages_with_a_clear_error() -> None:
    await said("Hello", "job-1")
    await said(job="job-2", action="close")
    with pytest.raises(TaskError, match="begin a new one") as caught:
        await said("One more thing", "job-3")
    assert (caught.value.code, caught.value.transient) == ("conversation_closed", False)


async def test_closing_again_changes_nothing() -> None:
    await said("Hello", "job-1")
    first, again = [await said(job=f"job-{turn}", action="close") for turn in (2, 3)]
    assert first.session is not None
    assert again.session is not None
    assert (again.session.messages, again.session.started_at) == (1, first.session.started_at)
    assert again.session.closed_at is not None


async def test_a_session_that_was_not_begun_cannot_be_closed() -> None:
    with pytest.raises(TaskError) as caught:
        await said(action="close", talk="unheard-of")
    assert caught.value.code == "session_not_found"


async def test_another_customer_cannot_close_a_session() -> None:
    await said("Hello", "job-1", "cust-2")
    with pytest.raises(TaskError) as caught:
        await said(job="job-2", customer="cust-1", action="close")
    assert caught.value.code == "conversation_mismatch"


@pytest.mark.parametrize("write", range(1, 4))
async def test_a_session_is_closed_once_whenever_its_job_dies(write: int) -> None:
    await said("Hello", "job-0")
    memory = Memory("job-1", dies_after=write)
    request = StreamingRequest(action="close", customer_id="cust-2", conversation_id="talk")
    result: StreamingResult = await memory.finish(assistant_streaming, request)
    assert result.session is not None
    assert (result.session.messages, memory.attempts) == (1, 2)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "action", "a message is needed"),
        ({"message": "   "}, "action", "a message is needed"),
        ({"action": "close"}, "action", "name its conversation_id"),
        ({"message": "Hi", "complexity": "simple"}, "complexity", "name the customer_id"),
        ({"message": "Hi", "customer_id": "c", "complexity": "huge"}, "complexity", "'simple', 'medium' or 'complex'"),
        (
            {"action": "close", "customer_id": "c", "conversation_id": "t", "complexity": "simple"},
            "complexity",
            "without a report",
        ),
        ({"message": "x" * 10_001}, "message", "10000"),
    ],
)
def test_a_request_that_lacks_something_is_refused_by_its_field(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        StreamingRequest(**fields)
    ((loc, message),) = [(error["loc"], error["msg"]) for error in caught.value.errors()]
    assert loc == (field,)
    assert reason in message


# Reports


@pytest.mark.parametrize(("complexity", "stages"), [("simple", 2), ("medium", 4), ("complex", 6)])
async def test_the_more_complex_a_report_the_more_stages_are_told_of(complexity: Complexity, stages: int) -> None:
    sink = Recording(watched=True)
    result = await said(REPORT, complexity=complexity, sink=sink)
    assert result.report is not None
    assert [each.stage for each in result.report.sections] == [stage.tool.name for stage in STAGES[complexity]]
    told = [
        data for data in sink.of("progress") if f"of {stages})" in data["message"] or "Composing" in data["message"]
    ]
    assert len(told) == stages
    fractions = [data["fraction"] for data in sink.of("progress")]
    assert fractions == sorted(fractions)
    assert "".join(sink.tokens) == result.answer


async def test_the_report_is_made_of_the_database_s_figures(shop: Database) -> None:
    result = await said(REPORT, complexity="complex", customer="cust-5")
    with shop.of_all_tenants().read() as session:
        orders = session.scalars(select(Order).filter_by(customer_id="cust-5")).all()
        kept = sum(each.total_cents for each in orders if each.status != "cancelled" and each.refund is None)
    spent = f"{kept // 100}.{kept % 100:02} EUR"
    assert f"{len(orders)} orders from" in result.answer
    assert f"Spent on what was kept: {spent}" in result.answer
    assert result.report is not None
    assert f"Spent on what was kept: {spent}" in result.report.sections[0].lines[1]


WRITES = 12


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_crash_in_the_middle_does_not_repeat_finished_stages(write: int) -> None:
    memory = Memory("job-1", dies_after=write)
    request = StreamingRequest(message=REPORT, customer_id="cust-2", complexity="complex")
    result: StreamingResult = await memory.finish(assistant_streaming, request)
    assert memory.attempts == 2
    assert len(memory.keys) == len(set(memory.keys)), "a stage was repeated"
    assert [key for key in memory.keys if key.startswith("step:")] == [
        "step:session",
        *(f"step:{stage.tool.name}" for stage in STAGES["complex"]),
        "step:report",
    ]
    told = [data["message"] for data in memory.sink.of("progress") if data["fraction"] < STAGES_SHARE]
    assert sorted(set(told), key=told.index) == [*_stages("complex"), "Composing the report"]
    assert result.report is not None
    assert len(result.report.sections) == 5


def _stages(complexity: Complexity) -> list[str]:
    titles = [stage.title for stage in STAGES[complexity]]
    return [f"{title} ({number} of {len(titles) + 1})" for number, title in enumerate(titles, 1)]


async def test_a_stage_that_is_finished_is_not_told_of_again() -> None:
    memory = Memory("job-1", dies_after=5)
    await memory.finish(
        assistant_streaming, StreamingRequest(message=REPORT, customer_id="cust-2", complexity="medium")
    )
    told = [data["message"] for data in memory.sink.of("progress") if "of 4)" in data["message"]]
    assert told == _stages("medium")


async def test_a_worker_that_ends_hands_the_job_over_between_two_stages() -> None:
    memory = Memory("job-1", drains_at=3)
    request = StreamingRequest(message=REPORT, customer_id="cust-2", complexity="complex")
    assert await memory.attempt(assistant_streaming, request) is None
    assert [key for key in memory.keys if key != "step:session"] == ["step:review_orders"]
    assert (await memory.finish(assistant_streaming, request)).report is not None


async def test_a_report_can_be_asked_about_in_later_messages() -> None:
    report = (await said(REPORT, "job-1", complexity="simple")).answer
    again = await said("Can I have the report again?", "job-2")
    assert report.removeprefix("Here is your report.") in again.answer.removeprefix("This is the report that I made.")
    assert again.report is None


async def test_a_customer_without_orders_gets_a_report_that_says_so() -> None:
    result = await said(REPORT, customer="nobody", complexity="complex")
    assert "There are no orders yet." in result.answer


# Tools


async def test_figures_leave_out_what_was_cancelled_or_given_back(shop: Database) -> None:
    desk = desk_of(shop, customer_id="cust-6")  # 10006 was refunded
    orders, categories, months = (
        await review_orders(desk),
        await spending_by_category(desk),
        await spending_by_month(desk),
    )
    assert isinstance(orders, OrdersReviewed)
    assert isinstance(categories, SpendingByCategory)
    assert isinstance(months, SpendingByMonth)
    with shop.of_all_tenants().read() as session:
        theirs = session.scalars(select(Order).filter_by(customer_id="cust-6")).all()
        kept = [each for each in theirs if each.status != "cancelled" and each.refund is None]
        assert len(kept) < len(theirs) == orders.orders
        total = sum(each.total_cents for each in kept)
        average = round(total / len(kept))
    assert orders.spent_cents == sum(each.spent_cents for each in categories.categories) == total
    assert sum(each.spent_cents for each in months.months) == total
    assert orders.average_cents == average
    assert [each.name for each in months.months] == sorted((each.name for each in months.months), reverse=True)


async def test_an_average_order_is_compared_with_that_of_the_others(shop: Database) -> None:
    with shop.of_all_tenants().write() as session:
        ours = select(Order.number).where(Order.customer_id.like("cust-%"))
        for table, number in ((OrderLine, OrderLine.order_number), (Refund, Refund.order_number)):
            session.execute(delete(table).where(number.not_in(ours)))
        session.execute(delete(Order).where(Order.number.not_in(ours)))
        for order in session.scalars(select(Order)):
            order.total_cents = 3000 if order.customer_id == "cust-1" else 2000
    compared = await compare_spending(desk_of(shop, customer_id="cust-1"))
    assert compared == SpendingCompared(average_cents=3000, others_cents=2000, percent=50)


async def test_nothing_is_told_of_others_when_they_are_so_few_that_it_would_tell_of_one(shop: Database) -> None:
    with shop.of("globex").write() as session:
        customers = ["cust-1", *(f"cust-1{number}" for number in range(FEWEST_OTHERS - 1))]
        known = {"name": "G", "email": "g", "tier": "basic", "time_zone": "UTC"}
        session.add_all(Customer(id=each, **known) for each in customers)
        session.flush()
        paid = {"status": "paid", "total_cents": 900, "placed_on": shop.today(), "used": False}
        session.add_all(Order(number=n, customer_id=each, **paid) for n, each in enumerate(customers, 70_001))
    desk = desk_of(shop, customer_id="cust-1")
    desk.tenant = "globex"
    assert isinstance(await compare_spending(desk), Refusal)


async def test_products_are_compared_with_the_knowledge_base(shop: Database) -> None:
    found = await find_advice(desk_of(shop, customer_id="cust-1"))
    assert isinstance(found, AdviceFound)
    assert {each.product: each.articles[0] for each in found.products} == {
        "Breeze headphones": "Pair the Breeze headphones"
    }


@pytest.mark.parametrize(
    "tool", [review_orders, spending_by_category, spending_by_month, compare_spending, find_advice]
)
async def test_figures_are_told_of_nobody_in_particular_to_nobody(shop: Database, tool: Any) -> None:
    assert isinstance(await tool(desk_of(shop, customer_id=None)), Refusal)


# Offline and over the wire


async def test_the_state_of_the_system_is_told_live() -> None:
    sink = Recording()
    answer = (await said("How busy is the system?", sink=sink)).answer
    assert "1 running and 0 queued on 4 slots of 1 worker)" in answer
    assert [data["tool"] for data in sink.of("tool_returned")] == ["system_status"]


@pytest.mark.parametrize("message", ["asdf qwer zxcv", "??", "damn, gonna sue you", "Where is 10002? And 10007?"])
async def test_whatever_is_asked_gets_an_answer_that_passes_its_review(message: str) -> None:
    result = await said(message)
    assert result.quality is not None
    assert result.quality.review.passed


async def test_drafts_are_shown_while_they_are_written(provider: OpenAISimulator) -> None:
    provider.will(Text("Yeah, gonna look at your spending."), ANSWER)
    sink = Recording(watched=True)
    result = await said(REPORT, sink=sink)
    assert result.answer == ANSWER.text
    assert "gonna" in "".join(sink.tokens)


async def test_questions_about_spending_are_answered_from_the_tools() -> None:
    answer = (await said("How much did I spend in each category, and monthly?")).answer
    assert "By category: computing" in answer
    assert "By month: 20" in answer


ANSWER = Text("Here is the report on your purchases, and a ticket for the keys that stick.")
#: A report, and then each of the analyst's tools.
SCRIPT: list[Reply] = [
    call("system_status"),
    call("review_orders"),
    call("spending_by_category"),
    call("spending_by_month"),
    call("compare_spending"),
    call("find_advice"),
    call("look_up_order", order_number=10002),
    call("search_articles", query="keyboard keys stuck"),
    call("open_ticket", subject="Keys", details="They stick.", priority="low"),
    ANSWER,
]


@pytest.mark.parametrize("watched", [False, True])
async def test_an_agent_calls_its_tools_over_the_wire(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(*SCRIPT)
    sink = Recording(watched=watched)
    result = await said(REPORT, complexity="simple", sink=sink)
    assert result.answer == ANSWER.text
    assert "".join(sink.tokens) == (result.answer if watched else "")
    assert [data["outcome"] for data in sink.of("tool_returned")] == ["success"] * 9
    assert [action.type for action in result.actions] == ["ticket"]
    told = provider.requests[0].texts("system")[0]
    assert "The customer asked for this report: give it to them. The report:\nOrders:\n- 5 orders from" in told
