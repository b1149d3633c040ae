"""Where the specialist for weather looks."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from backdesk.platform.tool_settings import ToolSettings


class RouteSettings(ToolSettings):
    """What `team.route` reads from outside."""

    title: ClassVar[str] = "team.route"

    weather: Literal["samples", "open-meteo"] = Field("samples", validation_alias="BACKDESK_WEATHER")
