"""What a customer gets when the attempts are spent."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backdesk.agents.failures import ModelFailure
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.service.contract import Escalated
from backdesk.service.tables import Escalation
from backdesk.shop.contract import RefundMade
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.registry import REGISTRY
from tests.support.memory import Memory
from tests.support.openai_simulator import Fault, OpenAISimulator, call
from tests.support.recording import Recording, context_of

REQUEST = SupportRequest(message="refund 10003", conversation_id="talk", customer_id="cust-3")
FAILURE = classify(ModelFailure("model_unavailable", "The model provider could not be reached."))


async def apologize(job_id: str = "job-1") -> SupportResult:
    fallback = REGISTRY["support.request"].fallback
    assert fallback is not None
    result: SupportResult = await fallback(context_of(Recording(), job_id), REQUEST, FAILURE)
    return result


async def test_a_person_answers_and_gets_all_they_need(shop: Database) -> None:
    result = await apologize()
    with shop.of_all_tenants().read() as session:
        escalation = session.scalars(select(Escalation)).one()
    assert REQUEST.message in escalation.details
    assert FAILURE.message in escalation.details
    assert f"E-{escalation.id:06}" in result.answer
    assert "A person answers by" in result.answer
    assert [type(action) for action in result.actions] == [Escalated]
    assert (result.agent, result.conversation_id, result.degraded) == ("fallback", "talk", "fallback_answer")


@pytest.mark.usefixtures("shop")
async def test_what_the_agents_have_handed_to_people_is_what_holds() -> None:
    opened = await Memory().finish(
        support_request, SupportRequest(message="The router from order 10005 smokes!", customer_id="cust-5")
    )
    assert (await apologize()).actions == opened.actions


@pytest.mark.usefixtures("waived")
async def test_what_the_agents_have_done_before_they_failed_is_told(provider: OpenAISimulator) -> None:
    refund = call("refund_order", order_number=10003, reason="?")
    provider.will(call("hand_over", to="refund", reason="?"), refund, Fault.error(503, "overloaded"))
    with pytest.raises(ModelFailure):
        await Memory().attempt(support_request, REQUEST)
    result = await apologize()
    assert [type(action) for action in result.actions] == [RefundMade, Escalated]
    assert "R-10003" in result.answer


async def test_without_a_database_the_customer_is_asked_to_come_again(shop: Database) -> None:
    with shop.of_all_tenants().write() as session:
        session.connection().exec_driver_sql("ALTER TABLE escalations RENAME TO mislaid")
    result = await apologize()
    assert result.actions == []
    assert "again a little later" in result.answer


def test_the_kind_waits_for_the_model_and_apologizes_in_the_end() -> None:
    spec = REGISTRY["support.request"]
    assert {"rate_limit", "timeout", "network", "data_corruption"} <= spec.retry.categories
    assert (spec.retry.attempts, spec.timeout_s) == (5, 900)
