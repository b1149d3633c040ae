"""Moments that tools have returned in UTC, as the customer's clocks show them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from backdesk.agents.runtime.clocks import by_clocks


@pytest.mark.parametrize(
    ("told", "there"),
    [
        ("2026-12-03T23:30:00Z", "2026-12-04T00:30:00+01:00"),
        ("2026-07-03 11:00:00.5+00:00", "2026-07-03T13:00:00.500000+02:00"),
        ("2026-12-03T11:00:00+01:00", "2026-12-03T11:00:00+01:00"),
        ("2026-12-03T11:00:00", "2026-12-03T11:00:00"),
        ("2026-13-45T99:00Z", "2026-13-45T99:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_a_moment_in_utc_is_that_of_a_zone_and_others_stay_as_they_are(told: str, there: str) -> None:
    assert by_clocks(f'{{"at":"{told}"}}', ZoneInfo("Europe/Berlin")) == f'{{"at":"{there}"}}'
