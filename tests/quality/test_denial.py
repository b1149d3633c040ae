"""What was done in former turns is not called undone; what was not done may be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.quality import Draft
from backdesk.quality.completion import KnownCompletion
from backdesk.quality.denial import UndeniedEffects
from backdesk.shop.contract import PHRASES as SHOP

REFUNDED = "Order 10003 has been refunded: 49.90 EUR, R-10003."
ORDERED = "Order 10020 has been placed: 49.90 EUR."
BOOKED = "Your appointment is booked: Tuesday, 24 November 2026, 15:00."
CANCELLED = "Your appointment is cancelled: Tuesday, 24 November 2026, 15:00."
REFUSED, SENT = "refused", "sent"


def judged(text: str, *done: str, asked: str = "", about: tuple[str, ...] = ()) -> str:
    return REFUSED if UndeniedEffects(done, about).fault(Draft(text, asked)) else SENT


@pytest.mark.parametrize(
    "text",
    [
        "Order no. 10003 was refunded, as R-10003.",
        "Order 10003 was refunded although it was not returned.",
        "The refund cannot be reversed.",
        "Shipping costs are not refunded.",
        "Why was it not refunded?",
        "If it is not refunded by Friday, write to us.",
        "I have not heard from the bank about the refund.",
        "Keine Sorge, die Bestellung 10003 ist erstattet.",
        "申し訳ございません。ご注文10003は返金いたしました。",
        "对不起，让您久等了，订单10003已退款。",
        "No order was placed for you.",
        "Nothing was booked.",
    ],
)
def test_an_answer_that_denies_nothing_of_a_refund_is_sent(text: str) -> None:
    assert judged(text, REFUNDED) == SENT


@pytest.mark.parametrize(
    "text",
    [
        "I refunded nothing.",
        "There was no refund for order 10003.",
        "The refund did not go through.",
        "Order 10003 was not refunded yet.",
        "All right, then nothing will be refunded to you.",
        "In Ordnung, es wird nichts erstattet.",
        "Va bene, non viene rimborsato nulla.",
        "かしこまりました。返金はいたしません。",
    ],
)
def test_an_answer_that_denies_a_refund_is_refused(text: str) -> None:
    assert judged(text, REFUNDED) == REFUSED


@pytest.mark.parametrize("language", SHOP.all()["refund"])
def test_what_code_says_is_done_may_not_be_denied_in_another_language(language: str) -> None:
    said = SHOP.say("refund", language, order_number=10003, amount="78.00 EUR", refund_id="R-10003")
    assert judged("Order 10003 was not refunded.", said) == REFUSED
    assert judged("Order 10004 was not refunded.", said) == SENT


def test_what_was_undone_later_may_be_denied() -> None:
    assert judged("Nothing is booked for you.", BOOKED) == REFUSED
    assert judged("Nothing is booked for you.", BOOKED, CANCELLED) == SENT
    assert judged("Your appointment was not cancelled.", BOOKED, CANCELLED, BOOKED) == SENT


def test_a_denial_that_names_nothing_is_of_what_the_turn_is_about() -> None:
    answer = "All right, nothing was refunded."
    assert judged(answer, REFUNDED, asked="Was order 10003 refunded?") == REFUSED
    assert judged(answer, REFUNDED, asked="And order 10004?") == SENT
    assert judged(answer, REFUNDED, asked="no", about=("Shall I refund 78.00 EUR for order 10004?",)) == SENT
    assert judged("Nothing was ordered.", ORDERED, asked="no", about=("Shall I order it for 89.00 EUR?",)) == SENT


def test_a_denial_of_another_day_is_of_another_appointment() -> None:
    assert judged("Am Freitag ist nichts gebucht.", "Ihr Termin ist gebucht: 24.11.2026, 15:00.") == SENT


def test_what_is_known_is_not_read_for_an_answer_that_claims_and_denies_nothing() -> None:
    class Unread:
        def __iter__(self) -> Iterator[str]:
            raise AssertionError("this was read")

    for check in (KnownCompletion(Unread(), Unread()), UndeniedEffects(Unread(), Unread())):
        assert check.fault(Draft("Your order 10003 is on its way, and arrives on Friday.")) is None
