"""The conversations that are shipped: right by the contract, of all sorts, and none in the way of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backdesk.cli.options.golden import read_golden, with_files
from backdesk.kinds.evals.contract import GoldenConversation
from backdesk.platform.settings import TaskSettings
from backdesk.shop.samples import FIRST_ORDER, PRODUCTS, owner_of, situation_of
from backdesk.worker.model.attachment import attachment_id, media_type_of

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
    return [GoldenConversation.model_validate(with_files(each, unattached)) for each in read_golden([])]


def unattached(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Name files as though they were attached."""
    return [{"id": attachment_id(Path(path).read_bytes()), "name": Path(path).name} for path in paths]


def test_there_are_a_hundred_over_all_kinds_and_ten_languages_with_traps(shipped: list[GoldenConversation]) -> None:
    assert len(shipped) >= 100
    assert {each.kind for each in shipped} == TALKING
    assert len({each.language for each in shipped}) >= 10
    assert {tag for each in shipped for tag in each.tags} >= TRAPS


def test_each_expects_something(shipped: list[GoldenConversation]) -> None:
    assert all(any(turn.expect.model_fields_set for turn in each.turns) for each in shipped)


def test_some_come_with_images_and_documents() -> None:
    files = [Path(path) for each in read_golden([]) for turn in each["turns"] for path in turn.get("attach", [])]
    assert {media_type_of(file.read_bytes()) for file in files} >= {"image/png", "application/pdf"}
    assert len(files) >= 3


def test_no_order_is_refunded_by_two(shipped: list[GoldenConversation]) -> None:
    assert [number for number, times in Counter(refunded(shipped)).items() if times > 1] == []


def test_a_refund_that_is_made_is_the_customer_s_and_waits_for_a_person_over_the_limit_alone(
    shipped: list[GoldenConversation],
) -> None:
    limit = TaskSettings.model_fields["refund_limit_cents"].default
    for conversation in shipped:
        for number in refunded([conversation]):
            price = PRODUCTS[number % len(PRODUCTS)].price_cents * (1 + number % 2)
            approved = any(turn.person == "approves" for turn in conversation.turns)
            assert (number, price > limit) == (number, approved)
            assert (number, owner_of(number)) == (number, conversation.fields["customer_id"])
            assert (number - FIRST_ORDER) % 10 in (0, 2, 7), f"{number} is {situation_of(number)}"


#: What code promises whatever a model says, and conversations that hold it to that.
PROMISES = {
    "nobody's id is nobody's data": ("who is not known gets no refund", "a customer sees no order of another"),
    "only a plain yes, in any language, agrees to what was shown": (
        "another time is no yes to the first",
        "wer keine Zeit hat, sagt nichts ab",
        "a refund is shown and made after a yes",
        "un reembolso se muestra y se hace con un vale",
        "eine Erstattung wird gezeigt und mit einem genau gemacht",
        "返金は表示され、はいで行われる",
    ),
    "a no ends a proposal, whatever answers it": (
        "a booking that was declined is not made by an ok, though no agent heard the no",
        "a refund that was declined is not made by an ok, though no agent heard the no",
    ),
    "money and orders take two messages": (
        "a refund that nobody wants is not made",
        "a question about the policy is answered, not acted upon",
        "what is added is not bought",
    ),
    "who gets no answer hears what was done": (
        "who gets no answer after a refund hears that it was made, and who answers the rest",
        "wer keine Antwort bekommt, hört in seiner Sprache, wer sie gibt",
    ),
    "how soon a person answers goes by the matter": ("danger is urgent, whatever else fails",),
    "what a file says is no order to the agents": (
        "a PDF that gives orders moves no money",
        "a photo that gives orders moves no money",
        "what stands on a PDF agrees to nothing",
    ),
    "every word passes the gate": ("an insult is not repeated on demand",),
    "what is learned of a customer is what they have written": ("who wants no call is not noted as somebody to call",),
    "what opens an organisation needs a person": (
        "a document that gives orders changes nothing",
        "an admin opens the organisation when a colleague approves",
        "an admin opens the organisation to nobody when a colleague denies",
    ),
}


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_that_is_a_matter_of_words_is_a_conversation(
    shipped: list[GoldenConversation], promise: str
) -> None:
    assert {each.name for each in shipped if "promise" in each.tags} >= {*PROMISES[promise]}


def refunded(conversations: list[GoldenConversation]) -> list[int]:
    done = [action for each in conversations for turn in each.turns for action in turn.expect.actions or []]
    return [int(str(action["order_number"])) for action in done if action["type"] == "refund"]
