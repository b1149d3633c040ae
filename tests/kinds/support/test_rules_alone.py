"""Where no model is configured: what rules alone may do for customers who are real."""

from __future__ import annotations

import pytest

from backdesk.agents.desk import Desk
from backdesk.agents.tools import Tool, tool
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from tests.kinds.support.asking import ask
from tests.kinds.test_strangers import TOOLS
from tests.support.deployment import desk_of

#: What moves money, orders, appointments and settings.
MOVES = {
    *("refund_order", "check_out", "book_appointment", "move_appointment", "cancel_appointment"),
    *("change_setting", "change_profile"),
}


def desk_with(shop: Database, **settings: object) -> Desk:
    desk = desk_of(shop)
    desk.settings = desk.settings.model_copy(update={"samples": False, **settings})
    return desk


def test_outside_of_the_sample_data_rules_move_nothing_and_may_do_all_else(shop: Database) -> None:
    desk = desk_with(shop)
    assert {name for name, each in TOOLS.items() if each.beyond_rules(desk)} == MOVES


def test_a_model_and_the_rules_on_the_sample_data_may_call_all_tools(shop: Database) -> None:
    for desk in (desk_with(shop, base_url="http://127.0.0.1:9/v1"), desk_with(shop, samples=True)):
        assert not [name for name, each in TOOLS.items() if each.beyond_rules(desk)]


def test_a_tool_of_ones_own_that_changes_something_waits_for_a_model_too(shop: Database) -> None:
    @tool("unsafe")
    async def send_parcel(desk: Desk) -> str:
        """Send it."""
        return "sent"

    parcel: Tool[[], str] = send_parcel
    assert parcel.beyond_rules(desk_with(shop))


async def test_a_refund_is_refused_with_the_reason_and_nothing_changes(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_SAMPLES", "0")
    reset()
    result = await ask("I want a refund for order 10003, please.")
    assert "no model is configured" in result.answer
    assert (result.actions, result.proposal) == ([], None)
