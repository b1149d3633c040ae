"""The weather of a place: by the API of Open-Meteo, or what was recorded of it as a sample, which says so."""

from __future__ import annotations

import json
import unicodedata
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from backdesk.agents import Desk, Refusal, ToolOutcome, tool
from backdesk.kinds.route.settings import RouteSettings
from backdesk.platform.tool_settings import settings_of

Place = Annotated[str, Field(min_length=2, max_length=80, description="A town, such as Paris.")]


class Day(BaseModel):
    """The weather of a day."""

    day: date
    sky: str
    lowest_c: float
    highest_c: float
    rain_percent: int | None = None

    def __str__(self) -> str:
        rain = f", {self.rain_percent} % chance of rain" if self.rain_percent is not None else ""
        return f"{self.day}: {self.sky}, {self.lowest_c:g} to {self.highest_c:g} °C{rain}"


class Weather(ToolOutcome):
    """The weather of a place; `sample` is what was recorded once, and not the weather of now."""

    place: str
    days: list[Day]
    source: str
    sample: bool

    def summary(self) -> str:
        """Say it in a line."""
        return f"{self.place}, {'; '.join(map(str, self.days))} ({self.source})"


@tool("pure", timeout_s=30)
async def look_up_weather(desk: Desk, place: Place) -> Weather | Refusal:
    """Look up the weather of today and tomorrow at a place."""
    if settings_of(RouteSettings).weather == "samples":
        return recorded(place)
    from backdesk.kinds.route.forecast import forecast  # noqa: PLC0415 - of no use where samples are told

    return await forecast(desk, place)


def recorded(place: str) -> Weather | Refusal:
    """Return the sample of a place. It is marked as that."""
    if (name := place_in(place)) is None:
        known = ", ".join(_samples()["places"])
        return Refusal(refused=f"There is no recorded sample weather of {place}, but of {known}.")
    days = [Day.model_validate(each) for each in _samples()["places"][name]["days"]]
    source = f"recorded sample of {_samples()['recorded_on']}, not the weather of now"
    return Weather(place=name, days=days, source=source, sample=True)


def place_in(text: str) -> str | None:
    """Return the place of the samples that a text names, in any of its spellings."""
    plain = _plain(text)
    return next((name for name, each in _samples()["places"].items() if _named(name, each, plain)), None)


def _named(name: str, place: dict[str, Any], plain: str) -> bool:
    return any(_plain(spelling) in plain for spelling in (name, *place["also"]))


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@cache
def _samples() -> dict[str, Any]:
    samples: dict[str, Any] = json.loads(Path(__file__).with_name("weather_samples.json").read_text(encoding="utf-8"))
    return samples
