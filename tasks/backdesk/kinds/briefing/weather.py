"""The weather of a place, from an API that answers as Open-Meteo does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backdesk.agents import Desk, Refusal
from backdesk.kinds.briefing.contract import Item, Section
from backdesk.kinds.briefing.samples import read_sample, sampled
from backdesk.kinds.briefing.settings import BriefingSettings
from backdesk.tools import HttpAnswer, http_tool
from backdesk.tools.weather_codes import weather_of
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

_FIXED = {
    "current": "temperature_2m,weather_code,wind_speed_10m",
    "daily": "temperature_2m_max,temperature_2m_min,precipitation_probability_max,weather_code",
    "forecast_days": "1",
}


async def weather(desk: Desk, settings: BriefingSettings, place: str, time_zone: str) -> Section:
    """Return the weather of today. Raises TaskError when it is not to be had."""
    if not settings.weather:
        return sampled(Section(topic="weather", source="Open-Meteo", items=_items("Berlin", read_sample("weather"))))
    common: dict[str, Any] = {"ttl_s": settings.ttl_s, "public": True, "private": settings.private}
    find = http_tool(
        "places", f"GET {settings.places}", "Find a place.", query={"name": str}, fixed={"count": "1"}, **common
    )
    found = _data(await find(desk, name=place)).get("results") or []
    if not found:
        raise TaskError("unknown_place", f"no place is called {place!r}", category=Category.VALIDATION)
    where = {name: found[0][name] for name in ("latitude", "longitude")}
    kinds = {"latitude": float, "longitude": float, "timezone": str}
    ask = http_tool("forecast", f"GET {settings.weather}", "The weather.", query=kinds, fixed=_FIXED, **common)
    answer = await ask(desk, **where, timezone=time_zone)
    items, at = _items(str(found[0].get("name", place)), _data(answer)), getattr(answer, "fetched_at", None)
    return Section(topic="weather", source=answer_source(answer), url=settings.weather, fetched_at=at, items=items)


def answer_source(answer: HttpAnswer | Refusal) -> str:
    """Return who has answered."""
    return answer.source if isinstance(answer, HttpAnswer) else ""


def _data(answer: HttpAnswer | Refusal) -> Mapping[str, Any]:
    if isinstance(answer, Refusal):
        raise TaskError("source_refused", answer.refused)
    if answer.status >= 400 or not isinstance(answer.data, Mapping):
        raise TaskError(
            "source_unreadable", f"{answer.source} answered {answer.status}: {json.dumps(answer.data)[:200]}"
        )
    return answer.data


def _items(place: str, told: Mapping[str, Any]) -> tuple[Item, ...]:
    try:
        now, today = told["current"], {name: values[0] for name, values in told["daily"].items()}
        sky, skies = (weather_of(int(each["weather_code"])) for each in (now, today))
        current = f"{now['temperature_2m']:g} °C, {sky}, wind {now['wind_speed_10m']:g} km/h"
        span = f"{today['temperature_2m_min']:g} to {today['temperature_2m_max']:g} °C, {skies}"
        rain = f"{today['precipitation_probability_max']:g} % chance of rain"
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise TaskError("source_unreadable", f"the weather comes in another form: {error!r}") from None
    return (Item(title=f"{place} now", detail=current), Item(title=f"{place} today", detail=f"{span}, {rain}"))
