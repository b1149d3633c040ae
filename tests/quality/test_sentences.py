"""Where sentences end, and where a point ends none."""

from __future__ import annotations

import pytest

from backdesk.quality.draft import sentences_of


@pytest.mark.parametrize(
    "sentence",
    [
        "Ihre Bestellung 10015 wurde am 28. November 2026 storniert.",
        "Wurde Ihnen die Bestellung 10003 erstattet, am 3. März?",
        "Din ordre 10003 blev annulleret den 3. december.",
        "Tilauksenne 10003 peruttiin 3. joulukuuta.",
        "Objednávka 10003 byla zrušena 17. října.",
        "A 10003. rendelést 2026. november 28. napján töröltük.",
        "On Nov. 28 order 10003 was cancelled.",
        "Your appointment at 4 p.m. on December 3 is booked.",
        "Su cita a las 11 a. m. con Nora está reservada.",
        "Dr. Smith calls you.",
        "Fr. Nora ruft Sie z. B. Montag oder z.B. Dienstag in ca. 3 Tagen an.",
        "Mevr. Nora belt u bijv. Maandag terug.",
    ],
)
def test_the_point_of_a_day_or_an_abbreviation_ends_no_sentence(sentence: str) -> None:
    assert sentences_of(sentence) == [sentence]


@pytest.mark.parametrize(
    "first_and_second",
    [
        "Ihr Termin hat die Nummer 3.|Danach rufen wir an.",
        "Wir haben am 3. März offen.|Im April nicht.",
        "You have 3.|May I refund them?",
        "It arrives in November.|10003 was refunded.",
        "We call at 4 p.m.|I have refunded it.",
        "No.|We have refunded nothing.",
        "Das kostet 3 Euro usw.|Wir haben sie erstattet.",
    ],
)
def test_what_looks_like_such_a_point_ends_a_sentence(first_and_second: str) -> None:
    assert sentences_of(first_and_second.replace("|", " ")) == first_and_second.split("|")


@pytest.mark.parametrize("sign", ["No.", "no.", "Nr.", "n.", "n.º", "núm."])
def test_the_sign_of_a_number_ends_no_sentence_and_denies_nothing(sign: str) -> None:
    assert sentences_of(f"Order {sign} 10003 was refunded. Thanks.") == ["Order № 10003 was refunded.", "Thanks."]
