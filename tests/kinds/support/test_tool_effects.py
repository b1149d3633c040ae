"""Tools whose repeat would do harm, and what stands beside them in one response."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import Consent, tool
from backdesk.kinds.support.kind import SUPPORT, support_request
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import TaskError
from backdesk.worker.model.asks import AskType
from tests.kinds.support.receipts import with_receipt
from tests.kinds.support.test_durable import REFUND_10003, TO_REFUND
from tests.support.memory import Memory
from tests.support.openai_simulator import Calls, OpenAISimulator, Text, call

DONE = Text("Done.")
BOTH = Calls((("send_parcel", {}), ("look_up_order", {"order_number": 10003})))


class Sent(ToolOutcome):
    number: int

    def summary(self) -> str:
        return f"parcel {self.number}"


class Warehouse:
    """A tool that sends a parcel at each call."""

    def __init__(self, *, ask: bool = False) -> None:
        self.sent = 0
        self.error: Exception | None = None
        warehouse = self

        async def consent(desk: Desk) -> Consent | None:
            return Consent("Send it?", {"weight": 2}) if ask else None

        @tool(Effect.UNSAFE, consent=consent)
        async def send_parcel(desk: Desk) -> Sent | Refusal:
            """Send a parcel."""
            warehouse.sent += 1
            if warehouse.error:
                raise warehouse.error
            return Sent(number=warehouse.sent)

        self.tool = send_parcel


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return open_warehouse(monkeypatch, Warehouse())


def open_warehouse(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse) -> Warehouse:
    card = SUPPORT.agent("refund")
    others = tuple(each for each in SUPPORT.agents if each is not card)
    team = replace(SUPPORT, agents=(*others, replace(card, tools=(*card.tools, warehouse.tool))))
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", team)
    return warehouse


async def test_a_call_of_unknown_outcome_is_decided_by_a_person_and_those_beside_it_are_kept(
    provider: OpenAISimulator, warehouse: Warehouse
) -> None:
    provider.will(TO_REFUND, BOTH, DONE)
    warehouse.error = OSError("the line went dead")
    memory = Memory()
    assert await memory.attempt(support_request, REFUND_10003) is None
    assert [ask.type for ask in memory.asks] == [AskType.OUTCOME]
    assert any(key.startswith("step:look_up_order") for key in memory.keys)
    warehouse.error = None
    memory.answer()  # as `repeat`
    assert (await memory.attempt(support_request, REFUND_10003)).answer == "Done."
    assert (warehouse.sent, len(provider.requests)) == (2, 3)
    assert len([key for key in memory.keys if key.startswith("step:look_up_order")]) == 1


async def test_a_call_that_an_attempt_died_in_is_not_made_again(
    provider: OpenAISimulator, warehouse: Warehouse
) -> None:
    provider.will(TO_REFUND, call("send_parcel"), DONE)
    memory = Memory(dies_before=6)
    assert await memory.attempt(support_request, REFUND_10003) is None
    assert await memory.attempt(support_request, REFUND_10003) is None
    assert [ask.type for ask in memory.asks] == [AskType.OUTCOME]
    assert warehouse.sent == 1


async def test_a_tool_that_says_it_failed_took_no_effect_and_the_model_is_told(
    provider: OpenAISimulator, warehouse: Warehouse
) -> None:
    provider.will(TO_REFUND, call("send_parcel"), DONE)
    warehouse.error = TaskError("no_stock", "there is none left")
    memory = Memory()
    assert (await memory.attempt(support_request, REFUND_10003)).answer == "Done."
    assert [data["outcome"] for data in memory.sink.of("tool_returned")] == ["failed"]


async def test_a_tool_may_always_need_a_person(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = open_warehouse(monkeypatch, Warehouse(ask=True))
    provider.will(TO_REFUND, BOTH, DONE)
    memory = Memory()
    assert await memory.attempt(support_request, REFUND_10003) is None
    assert [(ask.prompt, ask.facts) for ask in memory.asks] == [("Send it?", {"weight": 2})]
    memory.answer(decision="approve")
    assert await memory.attempt(support_request, REFUND_10003)
    assert warehouse.sent == 1


@pytest.mark.usefixtures("waived")
async def test_a_worker_that_ends_while_tools_run_has_them_finish(provider: OpenAISimulator) -> None:
    """The first tool's record makes the worker drain: calls beside it that have begun are kept, others wait."""
    refund = ("refund_order", {"order_number": 10003, "reason": "?"})
    provider.will(TO_REFUND, Calls((("look_up_order", {"order_number": 10003}), refund)), DONE)
    memory = Memory(drains_at=5)
    result = await memory.finish(support_request, REFUND_10003)
    assert (memory.attempts, result.answer, len(provider.requests)) == (2, with_receipt("Done."), 3)
    assert len(memory.keys) == len(set(memory.keys))


def test_each_tool_of_the_team_says_what_a_repeat_would_do() -> None:
    effects = {tool.name: tool.effect for card in SUPPORT.agents for tool in card.tools}
    assert effects == {
        "look_up_order": "pure",
        "look_up_payments": "pure",
        "search_articles": "pure",
        "refund_order": "idempotent",
        "open_ticket": "idempotent",
        "escalate": "idempotent",
    }
