"""What a customer gets when the attempts are spent."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from backdesk.agents.failures import ModelFailure
from backdesk.agents.phrases import Phrases
from backdesk.client import JobClient
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from backdesk.service.contract import PHRASES, Escalated
from backdesk.service.tables import Escalation
from backdesk.shop.contract import RefundMade
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.memory.conversation import ConversationMismatch
from tests.support.contexts import parts_of
from tests.support.memories import MEMORIES
from tests.support.memory import Memory
from tests.support.openai_simulator import Fault, OpenAISimulator, call
from tests.support.recording import Recording, context_of
from tests.support.workers import ROOT

pytestmark = pytest.mark.usefixtures("waived")

REQUEST = SupportRequest(message="refund 10003", customer_id="cust-3", conversation_id="talk")
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


# Which ends are answered

TO_REFUND = call("hand_over", to="refund", reason="?")
REFUND = call("refund_order", order_number=10003, reason="?")


async def serve(request: SupportRequest, job_id: str = "job-1") -> tuple[SupportResult, Memory]:
    """Have a job served to its end."""
    memory = Memory(job_id)
    while (result := await memory.serve(REGISTRY["support.request"], request)) is None:
        assert memory.attempts < 9, "the job does not come to an end"
    return result, memory


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.error(401, "invalid_api_key"), "model_auth"),
        (Fault.error(429, "insufficient_quota"), "model_quota"),
        (Fault.error(404, "model_not_found"), "model_not_found"),
        (Fault.error(400, "context_length_exceeded"), "model_rejected"),
        (Fault.error(400, "content_filter"), "model_rejected"),
        (Fault.error(503, "overloaded"), "model_unavailable"),
    ],
)
async def test_whatever_ends_a_job_after_a_refund_the_customer_hears_of_the_refund(
    provider: OpenAISimulator, shop: Database, fault: Fault, code: str
) -> None:
    provider.will(TO_REFUND, REFUND, *[fault] * 5)
    result, memory = await serve(REQUEST)
    assert [action.type for action in result.actions] == ["refund", "escalation"]
    assert "Order 10003 is refunded: €78.00" in result.answer
    assert "could not finish the rest" in result.answer
    assert memory.degraded is not None
    assert (memory.degraded.code, result.failure) == (code, code)
    with shop.of_all_tenants().read() as session:
        assert "Done already" in session.scalars(select(Escalation.details)).one()


async def test_a_job_that_wants_more_of_the_model_than_one_may_is_answered(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MAX_MODEL_REQUESTS", "2")
    reset()
    provider.will(TO_REFUND, REFUND)
    result, memory = await serve(REQUEST)
    assert memory.degraded is not None
    assert (memory.degraded.code, memory.attempts) == ("usage_limit", 1)
    assert [action.type for action in result.actions] == ["refund", "escalation"]


async def test_what_an_attempt_did_whose_worker_died_is_told_from_the_ledger(
    provider: OpenAISimulator, shop: Database
) -> None:
    """The business database is away by then, and the model has never heard what its tool returned."""
    provider.will(TO_REFUND, REFUND)
    memory = Memory(dies_after=7)
    assert await memory.serve(REGISTRY["support.request"], REQUEST) is None
    assert [key.partition(":")[2].partition(":")[0] for key in memory.keys] == ["refund_order"]
    with shop.of_all_tenants().write() as session:
        session.connection().exec_driver_sql("ALTER TABLE refunds RENAME TO mislaid")
        session.connection().exec_driver_sql("ALTER TABLE escalations RENAME TO mislaid_too")
    memory.begin()
    memory.context = TaskContext(memory.claim, parts_of(memory.claim, Recording(), memory.ledger))
    fallback = REGISTRY["support.request"].fallback
    assert fallback is not None
    result = await fallback(memory.context, REQUEST, FAILURE)
    assert [action.type for action in result.actions] == ["refund"]
    assert "Order 10003 is refunded" in result.answer


async def test_what_the_caller_has_to_mend_fails_as_it_did(provider: OpenAISimulator) -> None:
    provider.will(call("ask_customer", question="Hello?"))
    first = SupportRequest(message="Hello", customer_id="cust-3", conversation_id="talk")
    await Memory().finish(support_request, first)
    with pytest.raises(ConversationMismatch):
        await serve(first.model_copy(update={"customer_id": "cust-5"}), "job-2")


# What the conversation keeps


async def test_a_turn_that_a_fallback_answered_is_remembered_once(provider: OpenAISimulator) -> None:
    provider.will(*[Fault.error(503, "overloaded")] * 5)
    result, memory = await serve(REQUEST)
    await memory.serve(REGISTRY["support.request"], REQUEST)
    with JobClient(settings=MEMORIES.settings) as client:
        (turn,) = client.conversations.get("talk", tenant="default").turns
    assert [REQUEST.message in str(turn.messages), result.answer in str(turn.messages)] == [True, True]
    provider.will(call("ask_customer", question="Which one?"))
    await serve(SupportRequest(message="And now?", customer_id="cust-3", conversation_id="talk"), "job-2")
    assert provider.requests[-1].texts("user") == [REQUEST.message, "And now?"]
    assert provider.requests[-1].texts("assistant") == [result.answer]


# The words

LANGUAGES = {
    "en": ("Please refund my order 10003", "78.00"),
    "de": ("Bitte erstatten Sie mir die Bestellung 10003", "78,00"),
    "fr": ("Je voudrais le remboursement de ma commande 10003", "78,00"),
    "es": ("Quiero el reembolso de mi pedido 10003, por favor", "78,00"),
    "it": ("Vorrei il rimborso del mio ordine 10003, per favore", "78,00"),
    "pt": ("Quero o reembolso da minha encomenda 10003, por favor", "78,00"),
    "nl": ("Ik wil graag mijn geld terug voor de bestelling 10003", "78,00"),
    "pl": ("Proszę o zwrot pieniędzy za moje zamówienie 10003", "78,00"),
    "tr": ("Lütfen 10003 numaralı siparişimin parasını iade edin", "78,00"),  # noqa: RUF001 - Turkish
    "ru": ("Пожалуйста, верните мне деньги за заказ 10003", "78,00"),
    "ja": ("注文10003の返金をお願いします", "78"),
    "zh": ("请退还我的订单10003的款项", "78.00"),
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_customer_is_told_in_their_own_language(provider: OpenAISimulator, language: str) -> None:
    message, amount = LANGUAGES[language]
    provider.will(TO_REFUND, REFUND, Fault.error(401, "invalid_api_key"))
    result, _ = await serve(SupportRequest(message=message, customer_id="cust-3"))
    refund, escalation = result.actions
    assert isinstance(escalation, Escalated)
    assert result.answer.startswith(refund.sentence(language))
    assert amount in result.answer
    assert PHRASES.say("rest", language) in result.answer
    assert escalation.escalation_id in result.answer


async def test_a_message_of_no_language_is_answered_in_that_of_the_one_before(provider: OpenAISimulator) -> None:
    provider.will(call("ask_customer", question="Welche Bestellung?"), Fault.error(401, "invalid_api_key"))
    await serve(SupportRequest(message="Ich möchte mein Geld zurück", conversation_id="talk"))
    result, _ = await serve(SupportRequest(message="10003", conversation_id="talk"), "job-2")
    assert result.answer.startswith("Es tut uns leid")


@pytest.mark.parametrize("file", sorted((ROOT / "tasks").rglob("phrases.toml")), ids=lambda file: file.parent.name)
def test_every_sentence_is_there_in_every_language(file: Path) -> None:
    for name, sentences in Phrases(file).all().items():
        assert sentences.keys() == LANGUAGES.keys(), name


# How urgent it is


@pytest.mark.parametrize(
    ("message", "cause", "priority"),
    [
        ("Where is my order 10003?", "unanswered", "normal"),
        ("My router smokes, help!", "danger", "urgent"),
        ("Der Akku brennt, bitte helfen Sie mir", "danger", "urgent"),
        ("Mój router się pali i dymi, proszę o pomoc", "danger", "urgent"),
        ("充电器冒烟了。怎么办", "danger", "urgent"),
        ("My lawyer will hear of this", "legal_threat", "high"),
        ("Mi abogado va a demandar, quiero mi dinero", "legal_threat", "high"),
        ("A brand new lamp, and a courtyard of courtesy", "unanswered", "normal"),
    ],
)
async def test_a_person_comes_as_soon_as_the_matter_needs_not_the_failure(
    provider: OpenAISimulator, message: str, cause: str, priority: str
) -> None:
    provider.will(Fault.error(401, "invalid_api_key"))
    result, _ = await serve(SupportRequest(message=message))
    (escalation,) = result.actions
    assert isinstance(escalation, Escalated)
    assert (escalation.cause, escalation.priority) == (cause, priority)


def test_the_kind_waits_for_the_model_and_apologizes_in_the_end() -> None:
    spec = REGISTRY["support.request"]
    assert {"rate_limit", "timeout", "network", "data_corruption"} <= spec.retry.categories
    assert (spec.retry.attempts, spec.timeout_s) == (5, 900)
