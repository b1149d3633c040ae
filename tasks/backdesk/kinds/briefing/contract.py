"""The kind `briefing.daily`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from backdesk.platform.contract import Contract, KindModels, Reference, TimeZone

Topic = Literal["weather", "news", "markets"]
TOPICS: tuple[Topic, ...] = ("weather", "news", "markets")
Feed = Annotated[str, StringConstraints(pattern=r"^https://[^\s@\\]+$", max_length=2_000)]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.^=:-]{1,20}$")]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class BriefingRequest(Contract):
    """Whose day it is, and what of it, for `briefing.daily`."""

    customer_id: Reference | None = Field(None, description="Whose briefing it is.")
    time_zone: TimeZone = Field("UTC", description="Whose day it is, by IANA name.")
    place: Line = Field("Berlin", description="Of which place the weather is told.")
    topics: tuple[Topic, ...] = Field(TOPICS, min_length=1, description="What is told; all when left out.")
    feeds: tuple[Feed, ...] = Field((), max_length=5, description="RSS or Atom in place of the deployment's feeds.")
    symbols: tuple[Symbol, ...] = Field(("AAPL", "MSFT"), min_length=1, max_length=10, description="What is quoted.")
    headlines: int = Field(5, ge=1, le=20, description="Of each feed so many.")


class Item(Contract):
    """One thing that a source says."""

    title: str
    detail: str = ""
    url: str = ""


class Section(Contract):
    """What one source says. `error` stands in place of it; `sample` marks recorded data that is not of this day."""

    topic: Topic
    source: str
    url: str = ""
    fetched_at: dt.datetime | None = None
    sample: bool = False
    items: tuple[Item, ...] = ()
    error: str | None = None


class BriefingResult(Contract):
    """The briefing as a text, and what it was made from."""

    customer_id: str | None = None
    date: dt.date = Field(description="The day, by the clocks of the time zone.")
    time_zone: str
    text: str
    sections: tuple[Section, ...]
    sample: bool = Field(description="Whether any of it is recorded data, which is not of this day.")
    written_by: Literal["model", "rules"]
    degraded: bool = Field(False, description="Whether the model was to write it, and could not.")


KIND = KindModels("briefing.daily", "agents", BriefingRequest, BriefingResult)
