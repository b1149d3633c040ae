"""The weekday of an appointment: another one of the opening days is not supported by these."""

from __future__ import annotations

from datetime import date

import pytest

from backdesk.quality.draft import Draft
from backdesk.quality.factual import SupportedFacts

TODAY = date(2026, 11, 20)
HOURS, APPOINTMENT = '{"opening_hours":"Mon-Fri 09:00-18:00"}', '{"starts_at":"2026-11-24T15:00:00","minutes":30}'


def refused(text: str, *evidence: str, asked: str = "Steht mein Termin?") -> bool:
    return SupportedFacts().fault(Draft(text, asked, (asked, *evidence), TODAY)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Ihr Termin ist am Mittwoch um 15 Uhr.",
        "Your appointment is on Wednesday at 3 PM.",
        "Votre rendez-vous est mercredi à 15h.",
        "ご予約は水曜日の15時です。",
    ],
)
def test_an_appointment_on_another_weekday_is_refused_though_the_shop_is_open_then(text: str) -> None:
    assert refused(text, HOURS, APPOINTMENT)


@pytest.mark.parametrize(
    "text",
    [
        "Ihr Termin ist am Dienstag um 15 Uhr.",
        "Wir sind am Mittwoch von 9 bis 18 Uhr da.",
        "Ihr Termin ist am Dienstag um 15 Uhr, nicht am Mittwoch.",
        "Am Mittwoch um 15 Uhr haben Sie keinen Termin.",
    ],
)
def test_its_own_weekday_opening_hours_and_denials_pass(text: str) -> None:
    assert not refused(text, HOURS, APPOINTMENT)


def test_the_weekday_of_a_moment_is_that_of_its_own_clocks() -> None:
    at_three = '{"starts_at":"2026-11-24T15:00:00-08:00"}'
    assert not refused("Ihr Termin ist am Dienstag um 15 Uhr.", HOURS, at_three)
    assert refused("Ihr Termin ist am Mittwoch um 15 Uhr.", HOURS, at_three)


def test_a_weekday_that_somebody_names_or_another_moment_has_passes() -> None:
    text = "Soll ich Sie am Mittwoch um 15 Uhr anrufen?"
    assert not refused(text, HOURS, APPOINTMENT, asked="Geht es auch am Mittwoch?")
    assert not refused(text, HOURS, APPOINTMENT, '{"free":["2026-11-25T15:00:00"]}')
    assert not refused(text, HOURS, APPOINTMENT, "We call back on Wednesday.")
