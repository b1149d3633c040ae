"""What an answer calls done must be known to be done."""

from __future__ import annotations

import pytest

from backdesk.quality import Draft
from backdesk.quality.completion import KnownCompletion, claims_in
from backdesk.shop.contract import PHRASES

ORDERS = (
    '[{"order_number": 10003, "status": "delivered", "placed_on": "2026-11-02", "refund_id": null},'
    ' {"order_number": 10005, "status": "refunded", "placed_on": "2026-10-02", "refund_id": "R-10005"}]'
)
#: What is found of a claim.
KNOWN, UNKNOWN = "known", "unknown"


def faults(text: str, *told: str, done: tuple[str, ...] = ()) -> str:
    return UNKNOWN if KnownCompletion(done, told).fault(Draft(text)) else KNOWN


@pytest.mark.parametrize(
    ("name", "language"), [(name, code) for name in ("refund", "order") for code in PHRASES.all()[name]]
)
def test_what_code_says_is_done_is_such_a_claim_in_every_language(name: str, language: str) -> None:
    sentence = PHRASES.say(name, language, order_number=10003, amount="78.00 EUR", refund_id="R-10003")
    assert name in {claim.matter for claim in claims_in(sentence, language)}


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("Order 10005 was refunded, as R-10005.", KNOWN),
        ("One of your orders has been refunded.", KNOWN),
        ("I have refunded order 10003.", UNKNOWN),
        ("Your order 10003 was placed on 2 November 2026.", KNOWN),
        ("I have placed the order for you.", UNKNOWN),
        ("I have cancelled order 10005.", UNKNOWN),
    ],
)
def test_a_record_supports_what_it_says_of_the_numbers_that_it_has(text: str, is_so: str) -> None:
    assert faults(text, ORDERS) == is_so


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("Ihre Bestellung 10005 wurde am 10. Oktober 2026 erstattet.", KNOWN),
        ("Ihre Bestellung 10003 wurde am 10. Oktober 2026 erstattet.", UNKNOWN),
        ("Ich habe die Bestellung Nr. 10003 erstattet.", UNKNOWN),
        ("Your order No. 10005 was refunded.", KNOWN),
        ("Your order No. 10003 was refunded.", UNKNOWN),
        ("Your appointment at 4 p.m. on December 3 is booked.", UNKNOWN),
        ("Su cita a las 11 a. m. con Nora está reservada.", UNKNOWN),
        ("Dr. Smith is there; your appointment with Dr. Smith is booked.", UNKNOWN),
        ("Es ist keine Zahlung am 1. Dezember gebucht.", KNOWN),
        ("Nein, der Termin wurde nicht auf den 1. Dezember verschoben.", KNOWN),
        ("Wenn der Termin auf den 1. Dezember verschoben wurde, erhalten Sie eine Nachricht.", KNOWN),
        ("Der Termin wurde auf den 1. Dezember verschoben.", UNKNOWN),
    ],
)
def test_a_claim_keeps_its_number_and_its_denial_over_a_point_that_ends_no_sentence(text: str, is_so: str) -> None:
    assert faults(text, ORDERS) == is_so


def test_a_record_within_another_has_its_numbers() -> None:
    payments = '{"order_number": 10003, "movements": [{"kind": "refund", "amount_cents": 4990}]}'
    assert faults("Order 10003 was refunded.", payments) == KNOWN


def test_what_a_tool_has_done_supports_its_matter_and_what_leaves_no_record() -> None:
    receipt = '{"order_number": 10020, "total_cents": 4990}'
    assert faults("I have placed your order 10020.", done=(receipt,)) == KNOWN
    assert faults("I have cancelled your appointment.", done=(receipt,)) == UNKNOWN


def test_a_tool_of_ones_own_supports_what_its_agent_says_of_it() -> None:
    assert faults("I have refunded the deposit.", done=('{"transfer": "T-1"}',)) == KNOWN


@pytest.mark.parametrize("refused", ["Order 10003 was refunded already, as R-10003.", "Order 10003 is used."])
def test_a_refusal_supports_what_it_says(refused: str) -> None:
    answer = "Order 10003 has been refunded before."
    assert faults(answer, f'{{"refused": "{refused}"}}') == (KNOWN if "already" in refused else UNKNOWN)


def test_what_was_said_before_may_be_said_again() -> None:
    assert faults("Yes, I have refunded order 10003.", "Die Bestellung 10003 ist erstattet.") == KNOWN


@pytest.mark.parametrize(
    "text",
    [
        "Shall I refund order 10003?",
        "For order 10003 258.00 EUR were paid and 0.00 EUR refunded.",
        "Once you agree, the money is refunded.",
        "I cannot see that order 10003 has been refunded.",
        "Unused orders are refunded within 30 days.",
        "Ich sehe nicht, dass die Bestellung 10003 erstattet wurde.",
        "Si lo devuelve, el pedido 10003 queda reembolsado.",
        "D'accord, rien n'est remboursé.",
        "返金しましたらご連絡いたします。",
        "订单10003尚未退款。",
    ],
)
def test_what_is_asked_denied_or_left_open_is_no_claim(text: str) -> None:
    assert faults(text) == KNOWN


#: A request that is cancelled, and what it was for.
WITHDRAWN = [
    (
        "No problem, I have cancelled the refund request for order 10011.",
        "No problem, I have cancelled your order 10011.",
    ),
    (
        "The refund for order 10011 has been cancelled and nothing was paid back.",
        "I have cancelled the refund and your order 10011.",
    ),
    (
        "Ich habe die Erstattung für die Bestellung 10011 storniert.",
        "Ich habe nach Ihrer Anfrage die Bestellung 10011 storniert.",
    ),
    (
        "Für Ihre Bestellung Nr. 10011 habe ich die Erstattung storniert.",
        "Ich habe die Bestellung 10011 und die Erstattung storniert.",
    ),
    (
        "J'ai annulé la demande de remboursement de la commande 10011.",
        "J'ai annulé la commande 10011 à votre demande.",
    ),
    (
        "He cancelado la solicitud de reembolso del pedido 10011.",
        "He cancelado el pedido 10011 y el reembolso.",
    ),
    ("I have cancelled the proposal.", "At your request I have cancelled the headphones."),
    ("De acuerdo, he anulado la propuesta.", "De acuerdo, he anulado su cita."),
    (
        "Ho annullato la proposta e non verrà rimborsato nulla per l'ordine 10011.",
        "Ho annullato l'ordine 10011 come da richiesta.",
    ),
    (
        "Cancelei o pedido de reembolso da encomenda 10011.",
        "Cancelei o pedido 10011 e o reembolso.",
    ),
    (
        "Ik heb de terugbetaling van bestelling 10011 geannuleerd.",
        "Ik heb bestelling 10011 op uw verzoek geannuleerd.",
    ),
    ("Anulowałam wniosek o zwrot za zamówienie 10011.", "Anulowałam zamówienie 10011 i zwrot."),
    (
        "10011 numaralı sipariş için iade talebini iptal ettim.",
        "10011 numaralı siparişi talebiniz üzerine iptal ettim.",
    ),
    ("Хорошо, я отменила возврат по заказу 10011.", "Хорошо, я отменила заказ 10011 и возврат."),
    ("Хорошо, запрос на возврат отменён.", "Хорошо, по вашей заявке заказ 10011 отменён."),
    ("好的，订单10011的退款已取消，没有退还任何款项。", "好的，退款和订单10011已取消。"),
    (
        "承知しました。注文10011の返金リクエストはキャンセルいたしました。",
        "ご依頼の注文10011をキャンセルいたしました。",
    ),
    ("承知しました。返金のお手続きは取り消しました。", "承知しました。ご注文は取り消しました。"),
]


@pytest.mark.parametrize(("request_", "order"), WITHDRAWN)
def test_what_was_declined_may_be_called_cancelled_but_not_what_it_was_for(request_: str, order: str) -> None:
    def fault(text: str, *declined: str) -> str | None:
        return KnownCompletion(declined=declined).fault(Draft(text))

    declined = "Shall I refund 78.00 EUR for order 10011?"
    assert fault(request_, declined) is None
    assert fault(order, declined) is not None
    assert fault(request_) is not None, "nothing was declined"
    if "10011" in request_:
        assert fault(request_, declined.replace("10011", "10012")) is not None
