"""Where briefings have what they tell. What is not set is told from recorded samples, and marked so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from backdesk.platform.dependency import Dependency
from backdesk.platform.reachable import reachable
from backdesk.platform.tool_settings import ToolSettings


class BriefingSettings(ToolSettings):
    """The sources. What they answer is kept for `ttl_s` seconds, for the jobs of all tenants."""

    title: ClassVar[str] = "daily briefing"

    #: An API that answers as Open-Meteo does, and the one that finds places.
    weather: str = Field("", validation_alias="BACKDESK_BRIEFING_WEATHER")
    places: str = Field("https://geocoding-api.open-meteo.com/v1/search", validation_alias="BACKDESK_BRIEFING_PLACES")
    #: Addresses of RSS or Atom between blanks.
    feeds: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias="BACKDESK_BRIEFING_FEEDS")
    #: An API that answers with the price of one symbol, and how it calls that. Defaults as Finnhub has them.
    quotes: str = Field("", validation_alias="BACKDESK_BRIEFING_QUOTES")
    quotes_symbol: str = Field("symbol", validation_alias="BACKDESK_BRIEFING_QUOTES_SYMBOL")
    quotes_price: str = Field("c", validation_alias="BACKDESK_BRIEFING_QUOTES_PRICE")
    quotes_change: str = Field("dp", validation_alias="BACKDESK_BRIEFING_QUOTES_CHANGE")
    #: Read by its name where it is used; here it is for `doctor`, which tells whether there is one.
    quotes_key: SecretStr | None = Field(None, validation_alias="BACKDESK_BRIEFING_QUOTES_KEY")
    #: The parameter that has it.
    quotes_key_parameter: str = Field("", validation_alias="BACKDESK_BRIEFING_QUOTES_KEY_PARAMETER")
    ttl_s: float = Field(600, ge=0, le=86_400, validation_alias="BACKDESK_BRIEFING_TTL_S")
    #: Whether these sources may be in a private network.
    private: bool = Field(False, validation_alias="BACKDESK_BRIEFING_PRIVATE")

    def dependencies(self) -> Sequence[Dependency]:
        """Return the sources that are set."""
        places = self.places if self.weather else ""
        named = [("weather", self.weather), ("places", places), ("quotes", self.quotes)]
        named += [(f"feed {url.split('/')[2]}", url) for url in self.feeds]
        return tuple(reachable(f"briefing: {name}", url, private=self.private) for name, url in named if url)

    @field_validator("feeds", mode="before")
    @classmethod
    def _are_addresses(cls, value: Any) -> Any:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("weather", "places", "quotes", "feeds")
    @classmethod
    def _are_of_http(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for url in (value,) if isinstance(value, str) else value:
            if url and not url.startswith(("https://", "http://")):
                raise ValueError("must begin with https:// or http://")
        return value
