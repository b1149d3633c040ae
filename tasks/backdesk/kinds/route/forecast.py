"""The weather of a place, by the API of Open-Meteo."""

from __future__ import annotations

from typing import Any

from backdesk.agents import Desk, Refusal
from backdesk.kinds.route.settings import FORECASTS, PLACES
from backdesk.kinds.route.weather import Day, Weather
from backdesk.tools import http_tool
from backdesk.tools.http.tool import HttpAnswer
from backdesk.tools.weather_codes import weather_of

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


async def forecast(desk: Desk, place: str) -> Weather | Refusal:
    """Return the weather of today and tomorrow."""
    found = await FIND_PLACE.function(desk, name=place)
    if not isinstance(found, HttpAnswer):
        return found
    try:
        where: Any = next(iter(found.data.get("results", ())), None)
        if where is None and found.status < 400:
            return Refusal(refused=f"No place called {place!r} was found.")
        told = await FORECAST.function(desk, latitude=where["latitude"], longitude=where["longitude"])
        if not isinstance(told, HttpAnswer):
            return told
        return Weather(place=where["name"], days=_days(told.data["daily"]), source=told.source, sample=False)
    except (AttributeError, KeyError, TypeError, ValueError):  # an error that it tells, or an answer of another form
        return Refusal(refused=f"The weather of {place!r} could not be looked up: the service gave no such answer.")


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
        Day(day=day, sky=weather_of(code), lowest_c=lowest, highest_c=highest, rain_percent=rain)
        for day, code, lowest, highest, rain in columns
    ]
