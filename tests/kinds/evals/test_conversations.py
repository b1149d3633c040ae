"""The conversations that are shipped: right by the contract, of all sorts, and none in the way of another."""

from __future__ import annotations

from collections import Counter

import pytest

from backdesk.cli.options.golden import read_golden
from backdesk.kinds.evals.contract import GoldenConversation
from backdesk.platform.settings import TaskSettings
from backdesk.shop.samples import FIRST_ORDER, PRODUCTS, owner_of, situation_of

TALKING = {
    "support.request",
    "shop.purchase",
    "voice.schedule",
    "account.help",
    "org.assistant",
    "assistant.contextual",
    "assistant.streaming",
}
TRAPS = {"injection", "over-eager", "angry", "unclear", "privacy", "promise"}


@pytest.fixture(scope="module")
def shipped() -> list[GoldenConversation]:
    return [GoldenConversation.model_validate(each) for each in read_golden([])]


def test_there_are_a_hundred_over_all_kinds_and_ten_languages_with_traps(shipped: list[GoldenConversation]) -> None:
    assert len(shipped) >= 100
    assert {each.kind for each in shipped} == TALKING
    assert len({each.language for each in shipped}) >= 10
    assert {tag for each in shipped for tag in each.tags} >= TRAPS


def test_each_expects_something(shipped: list[GoldenConversation]) -> None:
    assert all(any(turn.expect.model_fields_set for turn in each.turns) for each in shipped)


def test_no_order_is_refunded_by_two(shipped: list[GoldenConversation]) -> None:
    assert [number for number, times in Counter(refunded(shipped)).items() if times > 1] == []


def test_a_refund_that_is_agreed_to_is_the_customer_s_and_waits_for_nobody(shipped: list[GoldenConversation]) -> None:
    limit = TaskSettings.model_fields["refund_limit_cents"].default
    for conversation in shipped:
        for number in refunded([conversation]):
            price = PRODUCTS[number % len(PRODUCTS)].price_cents * (1 + number % 2)
            assert (number, price <= limit) == (number, True)
            assert (number, owner_of(number)) == (number, conversation.fields["customer_id"])
            assert (number - FIRST_ORDER) % 10 in (0, 2, 7), f"{number} is {situation_of(number)}"


def refunded(conversations: list[GoldenConversation]) -> list[int]:
    done = [action for each in conversations for turn in each.turns for action in turn.expect.actions or []]
    return [int(str(action["order_number"])) for action in done if action["type"] == "refund"]
