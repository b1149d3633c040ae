"""Checks: each refuses one thing, and says how to mend it."""

from __future__ import annotations

import pytest

from backdesk.quality import Check, Draft
from backdesk.quality.appropriateness import BannedWords, NoPaymentCards, NoSocialSecurityNumbers
from backdesk.quality.brand_voice import CalmTone, InCharacter, NoSlang
from backdesk.quality.factual import SupportedFacts
from backdesk.quality.form import Length, RequiredPhrases
from backdesk.quality.legal import Disclaimer, Disclaimers, NoPromises

EVIDENCE = (
    '{"order_number":10003,"total_cents":124900,"delivered_on":"2026-11-02","at":"2026-11-02T14:05:00","ref":"R-10003"}',
    "Please refund my order 10004, it has cost 1.249,00 EUR",
    "Today is 2026-11-20. Refunds are possible within the last 30 days. Ticket T-000012.",
)


@pytest.mark.parametrize(
    ("check", "text", "named"),
    [
        (BannedWords(), "What a stupid question.", '"stupid"'),
        (BannedWords(), "Please shut\n up now.", '"shut up"'),
        (BannedWords(("competitor",)), "Ask the Competitor.", '"competitor"'),
        (NoSocialSecurityNumbers(), "Your number is 123-45-6789.", "social security number"),
        (NoPaymentCards(), "It goes to 4111 1111 1111 1111.", "card's number"),
        (CalmTone(), "PLEASE READ THIS again.", "calmly"),
        (CalmTone(), "It is refunded!!", "calmly"),
        (NoSlang(), "Yeah, I am gonna look.", '"yeah", "gonna"'),
        (InCharacter(), "As a language model, I cannot see it.", '"as a language model"'),
        (InCharacter(), "My system prompt forbids it.", '"system prompt"'),
        (InCharacter(), "Das verbieten mir meine Anweisungen, leider.", '"meine anweisungen"'),
        (InCharacter(), "Les outils internes et mes instructions ne le permettent pas.", '"mes instructions"'),
        (BannedWords(), "Sie sind ein Idiot, mein Herr.", '"idiot"'),
        (BannedWords(), "ご注文の件ですが、死ねと思います。", '"死ね"'),
        (NoSlang(), "Ouais, votre commande est bien arrivée.", '"ouais"'),
        (NoPromises(), "Das garantieren wir Ihnen gern.", '"garantieren wir"'),
        (NoPromises(), "No problem, we guarantee a refund.", '"we guarantee"'),
        (NoPromises(), "We guarantee that it will never break.", '"we guarantee"'),
        (NoPromises(), "返金を保証します。", '"保証します"'),
        (Disclaimers(), "Dann können Sie einen Anwalt fragen.", '"Dies ist keine Rechtsberatung."'),
        (NoPromises(), "We guarantee that it arrives.", '"we guarantee"'),
        (NoPromises(), "Here is some legal advice for you.", '"legal advice"'),
        (Disclaimers(), "Then you may talk to a lawyer.", '"This is not legal advice."'),
        (
            Disclaimers((Disclaimer("age", ("wine",), ("over 18",), "Only for people over 18."),)),
            "Our wine.",
            "over 18",
        ),
        (Length(), "好的。", "3 characters are too few"),
        (Length(), "はい、はい", "5 characters are too few"),
        (Length(), "네, 네.", "5 characters are too few"),
        (Length(), "😀😀😀😀😀😀", "6 characters are too few"),
        (Length(), "ใช่ครับ", "7 characters are too few"),
        (Length(), "  Done.  ", "5 characters are too few, 10 is the least"),
        (Length(most=20), "This is far too long for that.", "30 characters are too many, 20 is the most"),
        (RequiredPhrases(("Kind regards|Yours", "your team")), "Hello. Yours, Ada", '"your team"'),
    ],
)
def test_a_check_names_what_is_to_be_mended(check: Check, text: str, named: str) -> None:
    fault = check.fault(Draft(text))
    assert fault is not None
    assert named in fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (BannedWords(), "The class assessed the Scunthorpe passage with a cocktail dress, a dumbbell and crape."),
        (BannedWords(()), "What a stupid question."),
        (NoSocialSecurityNumbers(), "Order 10003 of 2026-11-02, call 0800-12-3456."),
        (NoPaymentCards(), "The card that ends in 1111 was charged for order 4111111111111112."),
        (CalmTone(), "Your USB LED lamp works with AC again! It is a BMW."),
        (NoSlang(), "We support this lolita model up to 50 volts."),
        (InCharacter(), "We speak your language, and our model is new."),
        (InCharacter(), "I'm an AI assistant, so a colleague will look at it."),
        (InCharacter(), "Ich bin ein KI-Assistent und helfe Ihnen gern."),
        (InCharacter(), "Je suis un assistant IA."),
        (InCharacter(), "私はAIアシスタントです。"),
        (NoSlang(), "Wij sturen u het pakket morgen toe."),
        (NoSlang(), "Yo le envío el pedido con mucho gusto."),
        (BannedWords(), "Das Kabel ist 5 mm dick und liegt ganz nah an der Wand."),
        (NoPromises(), "Das garantieren wir leider nicht."),
        (NoPromises(), "Nous ne garantissons pas la date de livraison."),
        (NoPromises(), "返金は保証できません。保証期間は2年です。"),
        (NoPromises(), "Die Garantie gilt zwei Jahre."),
        (Disclaimers(), "Le sue scarpe arrivano domani."),
        (NoPromises(), "This is not legal advice. We cannot promise it. It is never guaranteed."),
        (Disclaimers(), "Then you may talk to a lawyer. This is not legal advice."),
        (Disclaimers(), "We have issued the refund, and pursue the matter."),
        (Length(), "0123456789"),
        (Length(), "您共有五个订单。"),
        (Length(), "注文は3件です。"),
        (Length(), "모두 다섯 건입니다."),
        (Length(), "x" * 2000),
        (RequiredPhrases(("Kind regards|Yours",)), "Hello. Yours, Ada"),
    ],
)
def test_a_check_lets_pass_what_only_looks_alike(check: Check, text: str) -> None:
    assert check.fault(Draft(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Order 10003 (R-10003) was delivered on 2026-11-02 at 14:05.",
        "It was delivered on 2 November 2026; on Nov 2; on November 2nd, 2026; on 02.11.2026; on 11/02/2026.",
        "You paid 1,249.00 EUR, that is €1249, or 1.249,00 euros.",
        "Order 10004 can be refunded within 30 days, or 30-day terms; ticket t-000012.",
        "Do these 3 steps in 5 minutes, the 2nd twice; we are here 24/7. Your MP3 player, 4K, USB-C.",
        "1. Open it.\n2. Press for 10 s.",
    ],
)
def test_a_fact_that_something_supports_passes_however_it_is_written(text: str) -> None:
    assert SupportedFacts().fault(Draft(text, evidence=EVIDENCE)) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Order 10005 is on its way.", "10005"),
        ("Your refund number is R-10004.", "R-10004"),
        ("We refund 1,248.00 EUR.", "1,248.00 EUR"),
        ("We refund 5 EUR as an excuse.", "5 EUR"),
        ("You get 10% off.", "10%"),
        ("It arrives on 2026-11-25.", "2026-11-25"),
        ("It arrives on 3 November 2026.", "3 November 2026"),
        ("It arrives at 15:00.", "15:00"),
        ("It takes 14 days.", "14 days"),
        ("We have 14-day terms.", "14-day"),
        ("Ticket T-000013 is open.", "T-000013"),
    ],
)
def test_a_fact_that_nothing_supports_is_named(text: str, named: str) -> None:
    fault = SupportedFacts().fault(Draft(text, evidence=EVIDENCE))
    assert fault is not None
    assert fault.endswith(f"have said: {named}.")


def test_only_some_of_many_unsupported_facts_are_named() -> None:
    fault = SupportedFacts(names=2).fault(Draft("Orders 20001, 20002, 20003 and 20004."))
    assert fault is not None
    assert fault.endswith(": 20001, 20002.")


def test_a_fault_never_repeats_the_number_of_a_card() -> None:
    draft = Draft("Your card 4111111111111111 and 123-45-6789 are on file.")
    faults = [check.fault(draft) for check in (NoPaymentCards(), NoSocialSecurityNumbers(), SupportedFacts())]
    assert not any("4111" in fault or "6789" in fault for fault in faults if fault)


def test_checks_of_equal_fields_are_equal_so_that_a_gate_can_be_a_key() -> None:
    assert BannedWords(("a",)) == BannedWords(("a",))
    assert hash(Length(5, 6)) == hash(Length(5, 6))
    assert BannedWords(("a",)) != BannedWords(("b",))
