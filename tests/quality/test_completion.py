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


#: What customers have done and records tell, and what nobody has done: by a tool that has looked up the order.
LOOKED_UP = [
    (
        "Ihre Zahlung über 298,00 € wurde am 28. November 2026 gebucht.",
        "Ihr Termin wurde am 28. November 2026 gebucht.",
    ),
    ("Der Betrag ist genau einmal gebucht.", "Ihr Termin und die Zahlung sind gebucht."),
    ("Ihre Zahlung: 298,00 €, gebucht am 10.10.2026.", "Ich habe den Dienstag gebucht."),
    ("Die Bestellung 10003 ist als verschickt gebucht.", "Die Bestellung 10003 ist als erstattet gebucht."),
    ("Es wurden uns 298,00 € gutgeschrieben.", "Von uns wurden 298,00 € gutgeschrieben."),
    ("We booked one payment of €298.00 for order 10003.", "We booked one appointment with your payment."),
    ("We booked your payment.", "We booked your payment and an appointment."),
    ("Your payment of 298 euros was credited to us.", "Your payment of 298 euros was credited to you by us."),
    (
        "Your order 10003, which you have placed, has been shipped.",
        "Your order 10003 is shipped, and we have placed it.",
    ),
    ("I can see that you have placed order 10003.", "I have placed the order that you have placed before."),
    ("You have ordered two Fjord routers.", "We have ordered two Fjord routers."),
    ("De betaling is op 28 november 2026 geboekt.", "De afspraak is op 28 november 2026 geboekt na de betaling."),
    ("Ik heb gezien dat u bestelling 10003 op 2 november heeft geplaatst.", "Ik heb voor u de bestelling geplaatst."),
    ("Ik zie dat u twee Fjord-routers heeft besteld.", "Ik heb twee Fjord-routers voor u besteld."),
    ("Betalningen på 298 euro är bokad.", "Tiden på tisdag är bokad åt dig."),
    ("A encomenda 10003 está marcada como paga.", "A sua consulta está marcada como pediu."),
    ("O pagamento foi creditado na nossa conta.", "O pagamento foi creditado na sua conta."),
    ("Usted ha abonado 298,00 € por el pedido 10003.", "Le hemos abonado 298,00 € por el pedido 10003."),
    ("Le confirmo el importe abonado: 298,00 €.", "El importe está abonado en su cuenta."),
    ("El pedido 10003 fue abonado el 28 de noviembre.", "El pedido 10003 le fue abonado el 28 de noviembre."),
    ("Вы оформили заказ 10003 2 ноября.", "Мы оформили заказ для вас 2 ноября."),
    ("お客様は11月2日に注文10003を注文しました。", "ご希望の商品を11月2日に注文しました。"),
    ("您于2026年11月2日已下单，并支付了298欧元。", "我们已下单，并支付了298欧元。"),
    ("Ich sehe eine Zahlung, die am 28. November gebucht wurde.", "Die Sitzung wurde am 28. November gebucht."),
    ("您在2026年11月2日已下单。", "我们在2026年11月2日已下单。"),
    ("您已购买两台Fjord路由器。", "我们已为您购买两台Fjord路由器。"),
    ("Make sure you have moved the router away from metal.", "I have moved your appointment for the router."),
    ("Ist das Kabel verlegt, prüfen Sie die Lampe.", "Ist erledigt, der Termin ist verlegt."),
    ("Prüfen Sie ihn; wurde er verschoben, starten Sie ihn neu.", "Am Montag wurde er verschoben, wie gewünscht."),
    ("Der Router wurde verschoben, starten Sie ihn neu.", "Der Termin für den Router wurde verschoben."),
    ("Hebt u de router verplaatst, start hem dan opnieuw.", "Wij hebben de afspraak verplaatst."),
    ("Un routeur déplacé loin du métal capte mieux.", "Le rendez-vous pour le routeur est déplacé."),
    ("Chez nous, seuls les articles inutilisés sont remboursés.", "Votre seule commande 10003 est remboursée."),
]


@pytest.mark.parametrize(("so", "not_so"), LOOKED_UP)
def test_what_customers_do_and_what_they_are_told_to_is_not_what_the_shop_does(so: str, not_so: str) -> None:
    order = '{"order_number": 10003, "status": "shipped", "placed_on": "2026-11-02", "total_cents": 29800}'
    assert (faults(so, order), faults(not_so, order)) == (KNOWN, UNKNOWN)


def test_a_payment_that_no_record_has_is_not_called_booked() -> None:
    assert faults("Ihre Zahlung wurde am 28. November 2026 gebucht.") == UNKNOWN
    assert faults("You have ordered two Fjord routers.") == UNKNOWN


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("I have cancelled your order 10003 without a fee.", UNKNOWN),
        ("Your order 10003 was delivered without being refunded.", KNOWN),
        ("Ich habe Ihre Bestellung 10003 ohne Abzug erstattet.", UNKNOWN),
        ("Die Bestellung 10003 bleibt, ohne dass etwas erstattet wurde.", KNOWN),
        ("J'ai annulé votre commande 10003 sans frais.", UNKNOWN),
        ("He cancelado su pedido 10003 sin coste.", UNKNOWN),
        ("Ho annullato il suo ordine 10003 senza costi.", UNKNOWN),
        ("Cancelei a encomenda 10003 sem custos.", UNKNOWN),
        ("Ik heb uw bestelling 10003 zonder kosten geannuleerd.", UNKNOWN),
        ("Anulowałam zamówienie 10003 bez opłat.", UNKNOWN),
        ("Заказ 10003 отменён без комиссии.", UNKNOWN),
        ("Заказ 10003 не отменён.", KNOWN),
    ],
)
def test_what_is_done_without_something_is_done(text: str, is_so: str) -> None:
    assert faults(text) == is_so
