"""The codes of the weather that forecasts use."""

from __future__ import annotations

import pytest

from backdesk.tools.weather_codes import weather_of

#: As Open-Meteo lists them.
CODES = {
    "clear": [0],
    "mostly clear": [1],
    "partly cloudy": [2],
    "overcast": [3],
    "fog": [45, 48],
    "drizzle": [51, 53, 55, 56, 57],
    "rain": [61, 63, 65, 66, 67],
    "snow": [71, 73, 75, 77],
    "showers of rain": [80, 81, 82],
    "showers of snow": [85, 86],
    "thunderstorm": [95, 96, 99],
    "unknown": [-1],
}


@pytest.mark.parametrize("word", CODES)
def test_each_code_has_its_word(word: str) -> None:
    assert {weather_of(code) for code in CODES[word]} == {word}
