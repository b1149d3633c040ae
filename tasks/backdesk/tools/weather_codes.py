"""The weather in a word, by the codes of the World Meteorological Organization that APIs of forecasts use."""

from __future__ import annotations

#: Each stands for those up to the next.
_WORDS = {
    0: "clear", 1: "mostly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 51: "drizzle", 61: "rain", 71: "snow",
    80: "showers of rain", 85: "showers of snow", 95: "thunderstorm",
}  # fmt: skip


def weather_of(code: int) -> str:
    """Return what a code means, `unknown` for what is none."""
    return next((word for first, word in reversed(_WORDS.items()) if first <= code), "unknown")
