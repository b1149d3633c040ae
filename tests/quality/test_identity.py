"""Numbers that identify a person or an account: found by form and check digits, and nothing that only looks alike."""

from __future__ import annotations

import pytest

from backdesk.quality import Draft
from backdesk.quality.appropriateness import NoIdentityNumbers
from backdesk.quality.factual import SupportedFacts
from backdesk.worker.text.identity import HIDDEN, hide, identity_numbers_in


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("IBAN: DE89 3704 0044 0532 0130 00.", "DE89 3704 0044 0532 0130 00"),
        ("Konto GB82WEST12345698765432", "GB82WEST12345698765432"),
        ("86 095 742 719", "86 095 742 719"),
        ("Ihre Steuer-ID lautet 86095742719.", "86095742719"),
        ("Su DNI es 12345678Z.", "12345678Z"),
        ("NIE X-1234567-L", "X-1234567-L"),
        ("Votre NIR : 1 84 12 76 451 089 46", "1 84 12 76 451 089 46"),
        ("Il codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"),
        ("PESEL: 44051401359", "44051401359"),
        ("Uw BSN is 111222333.", "111222333"),
        ("CPF 529.982.247-25", "529.982.247-25"),
        ("Personnummer 811228-9874", "811228-9874"),
        ("Henkilötunnus 131052-308T", "131052-308T"),
        ("T.C. kimlik numaranız: 10000000146", "10000000146"),
        ("身份证11010519491231002X。", "11010519491231002X"),
        ("マイナンバーは123456789018です。", "123456789018"),
        ("СНИЛС 112-233-445 95", "112-233-445 95"),
    ],
)
def test_a_number_of_a_person_or_an_account_is_refused_and_never_repeated(text: str, number: str) -> None:
    assert NoIdentityNumbers().fault(Draft(text)) is not None
    assert number not in (SupportedFacts().fault(Draft(text)) or "")


@pytest.mark.parametrize(
    "text",
    [
        "Order 10003, ticket T-000012, refund R-10003 of 2026-11-02.",
        "DE89 3704 0044 0532 0130 01",
        "12345678A",
        "RSSMRA85T10A562T",
        "Parcel 44051401359 is on its way.",
        "Call 0800 123 456, or 555-123-4567.",
        "The serial number is 111222333.",
        "It costs 1,249.00 EUR; you paid with the card that ends in 1111.",
    ],
)
def test_what_only_looks_like_one_passes(text: str) -> None:
    assert list(identity_numbers_in(text)) == []


def test_a_number_is_hidden_in_a_text() -> None:
    assert hide("Your IBAN is DE89 3704 0044 0532 0130 00.") == f"Your IBAN is {HIDDEN}."
