"""The weather of a place, by the API of Open-Meteo."""

from __future__ import annotations

from typing import Any

from backdesk.agents import Desk, Refusal
from backdesk.kinds.route.settings import FORECASTS, PLACES
from backdesk.kinds.route.weather import Day, Weather
from backdesk.tools import http_tool
from backdesk.tools.http.tool import HttpAnswer

FIND_PLACE = http_tool(
    "find_place",
    f"GET {PLACES}/v1/search",
    "Find where a place is.",
    query={"name": str},
    fixed={"count": "1", "format": "json"},
    ttl_s=86_400,
    public=True,
)
FORECAST = http_tool(
    "forecast",
    f"GET {FORECASTS}/v1/forecast",
    "The weather of today and tomorrow at a place.",
    query={"latitude": float, "longitude": float},
    fixed={
        "daily": "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max",
        "timezone": "auto",
        "forecast_days": "2",
    },
    ttl_s=900,
    public=True,
)
#: The codes of the World Meteorological Organization, by the first that is not under them.
_CODES = ((0, "clear"), (2, "partly cloudy"), (3, "overcast"), (48, "fog"), (57, "drizzle"), (67, "rain"), (77, "snow"),
          (82, "showers of rain"), (86, "showers of snow"), (99, "thunderstorm"))  # fmt: skip


async def forecast(desk: Desk, place: str) -> Weather | Refusal:
    """Return the weather of today and tomorrow."""
    found = await FIND_PLACE.function(desk, name=place)
    if not isinstance(found, HttpAnswer):
        return found
    where = next(iter((found.data or {}).get("results") or []), None) if isinstance(found.data, dict) else None
    if where is None:
        return Refusal(refused=f"No place called {place!r} was found.")
    told = await FORECAST.function(desk, latitude=where["latitude"], longitude=where["longitude"])
    if not isinstance(told, HttpAnswer):
        return told
    daily = told.data.get("daily") if isinstance(told.data, dict) else None
    if not daily:
        return Refusal(
            refused=f"The weather of {place!r} could not be looked up: {told.source} answered {told.status}."
        )
    return Weather(place=where["name"], days=_days(daily), source=told.source, sample=False)


def _days(daily: dict[str, Any]) -> list[Day]:
    columns = zip(
        daily["time"],
        daily["weather_code"],
        daily["temperature_2m_min"],
        daily["temperature_2m_max"],
        daily["precipitation_probability_max"],
        strict=True,
    )
    return [
        Day(day=day, sky=_sky(code), lowest_c=lowest, highest_c=highest, rain_percent=rain)
        for day, code, lowest, highest, rain in columns
    ]


def _sky(code: int) -> str:
    return next((words for upto, words in _CODES if code <= upto), "unknown")
