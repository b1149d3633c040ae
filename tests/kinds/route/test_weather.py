"""The weather of a place, as the specialist in it gets it of an API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from backdesk.agents import Refusal
from backdesk.agents.desk import Desk
from backdesk.kinds.route import forecast as api
from backdesk.kinds.route.weather import Weather, look_up_weather
from backdesk.platform.database import Database
from backdesk.platform.settings import TaskSettings
from backdesk.platform.tool_settings import settings_of
from backdesk.tools import http_tool
from tests.support.http_site import Site, serving, told

PLACES = {"results": [{"name": "Kyoto", "latitude": 35.02, "longitude": 135.75}]}
DAILY = {
    "time": ["2026-11-30", "2026-12-01"],
    "weather_code": [1, 82],
    "temperature_2m_min": [4.5, 3],
    "temperature_2m_max": [12, 9.25],
    "precipitation_probability_max": [None, 80],
}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    async def here(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    monkeypatch.setenv("BACKDESK_WEATHER", "open-meteo")
    settings_of.cache_clear()
    with serving() as site:
        for name, path, query in (
            ("FIND_PLACE", "/search", {"name": str}),
            ("FORECAST", "/forecast", {"latitude": float, "longitude": float}),
        ):
            url = site.url(path, "api.example")
            tool = http_tool(name.lower(), f"GET {url}", "Ask.", query=query, private=True, resolve=here)
            monkeypatch.setattr(api, name, tool)
        yield site
    settings_of.cache_clear()


@pytest.fixture
def look(site: Site) -> Callable[[], Any]:
    desk = Desk(Database("sqlite://"), "acme", None, lambda name: f"job-1:{name}", TaskSettings(_env_file=None))
    return lambda: look_up_weather(desk, "Kyoto")


async def test_the_weather_of_today_and_tomorrow_is_told(site: Site, look: Callable[[], Any]) -> None:
    site.answers |= {"/search": told(PLACES), "/forecast": told({"daily": DAILY})}
    found: Weather = await look()
    assert [str(each) for each in found.days] == [
        "2026-11-30: mostly clear, 4.5 to 12 °C",
        "2026-12-01: showers of rain, 3 to 9.25 °C, 80 % chance of rain",
    ]
    assert (found.place, found.sample) == ("Kyoto", False)
    assert site.paths == ["/search?name=Kyoto", "/forecast?latitude=35.02&longitude=135.75"]


async def test_a_place_that_there_is_not_is_refused(site: Site, look: Callable[[], Any]) -> None:
    site.answers["/search"] = told({"generationtime_ms": 0.1})
    assert await look() == Refusal(refused="No place called 'Kyoto' was found.")


@pytest.mark.parametrize(
    ("places", "forecast"),
    [
        (told({"error": True, "reason": "no"}, 400), None),
        (told(["nothing"]), None),
        (told({"results": [{"name": "Kyoto"}]}), None),
        (told(PLACES), told({"error": True}, 400)),
        (told(PLACES), told({"daily": {**DAILY, "weather_code": [1]}})),
        (told(PLACES), told({"daily": {**DAILY, "temperature_2m_min": [None, None]}})),
    ],
)
async def test_an_answer_of_another_form_is_refused_and_ends_no_job(
    site: Site, look: Callable[[], Any], places: Any, forecast: Any
) -> None:
    site.answers |= {"/search": places, **({"/forecast": forecast} if forecast else {})}
    assert "could not be looked up" in (await look()).refused
