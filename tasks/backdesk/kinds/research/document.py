"""A report as it is laid out, whatever it becomes. All of it is plain text."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from backdesk.kinds.research.contract import LanguageCode
from backdesk.platform.contract import Contract


def _in_order(text: str) -> str:
    """Take out what turns the direction of a text around: it would read otherwise than it was checked."""
    return _TURNS.sub("", text)


_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: What is laid out, as it is read.
Shown = Annotated[str, AfterValidator(_in_order)]


class Cited(Contract):
    """A sentence as it is laid out: plain text, the numbers of its sources, and whether it failed its checks."""

    text: Shown
    sources: list[int] = Field(default_factory=list)
    marked: bool = False


class Block(Contract):
    """A heading and what stands under it."""

    heading: Shown
    paragraphs: list[list[Cited]] = Field(default_factory=list)
    items: list[Cited] = Field(default_factory=list)


class ListedSource(Contract):
    """A line of the list of sources."""

    number: int
    text: Shown
    address: Shown = Field("", description="Shown as text; nothing leads there.")


class Document(Contract):
    """A report as it is laid out, whatever it becomes. All of it is plain text."""

    title: Shown
    about: list[Shown] = Field(default_factory=list)
    language: LanguageCode = "en"
    blocks: list[Block]
    sources_heading: Shown = "Sources"
    sources: list[ListedSource] = Field(default_factory=list)
    mark: Shown = Field("", description="What stands behind a sentence that failed its checks.")
