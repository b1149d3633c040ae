"""Where the specialist for weather looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from backdesk.platform.dependency import Dependency
from backdesk.platform.reachable import reachable
from backdesk.platform.tool_settings import ToolSettings

PLACES, FORECASTS = "https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"


class RouteSettings(ToolSettings):
    """What `team.route` reads from outside."""

    title: ClassVar[str] = "team.route"

    weather: Literal["samples", "open-meteo"] = Field("samples", validation_alias="BACKDESK_WEATHER")

    def dependencies(self) -> Sequence[Dependency]:
        """Return what is asked for the weather, unless that is recorded."""
        if self.weather == "samples":
            return ()
        return (reachable("places", PLACES), reachable("forecasts", FORECASTS))
