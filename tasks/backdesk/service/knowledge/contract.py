"""What is asked of a knowledge base, and what it tells. Imports pydantic alone, for clients."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from backdesk.platform.contract import Contract

#: The kind of job that keeps a knowledge base.
KNOWLEDGE = "service.knowledge"
Act = Literal["add", "list", "remove", "search", "index"]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
#: What a document may have at most, in characters; a job's request has a limit of its own besides.
MOST_TEXT = 200_000


class Section(Contract):
    """A part of a document under one heading, which may be empty."""

    heading: Line = ""
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MOST_TEXT)]


class Document(Contract):
    """What is to become an article."""

    slug: Slug = Field(description="Its name: another document of the same name takes its place.")
    title: Annotated[Line, StringConstraints(min_length=1)]
    sections: list[Section] = Field(min_length=1, max_length=2_000)
    language: Language | None = Field(None, description="ISO 639-1; found out by the text when left out.")
    keywords: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = Field(
        "", description="What customers call it, in any languages: an article is found by these as by its title."
    )
    source: Line = Field("", description="Where it is from, such as the name of a file.")

    @model_validator(mode="after")
    def _has_text(self) -> Self:
        size = sum(len(section.text) for section in self.sections)
        if not size:
            raise ValueError("there is no text in it")
        if size > MOST_TEXT:
            raise ValueError(f"it has {size:,} characters, {MOST_TEXT:,} are the most: split it into several documents")
        return self


_NEEDS: dict[Act, tuple[str, ...]] = {"add": ("document",), "remove": ("slug",), "search": ("query",)}


class KnowledgeRequest(Contract):
    """One thing that is asked of a tenant's knowledge base."""

    act: Act
    document: Document | None = None
    slug: Slug | None = Field(None, description="Of `remove`: the article.")
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)] | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if missing := [name for name in _NEEDS.get(self.act, ()) if getattr(self, name) is None]:
            raise ValueError(f"{self.act} needs {' and '.join(missing)}")
        return self


class ArticleListed(Contract):
    """An article as a list shows it."""

    slug: str
    title: str
    language: str = Field(description="ISO 639-1; empty where it is unknown.")
    source: str
    passages: int
    embedded: int = Field(description="How many of the passages have a vector of the model that is configured.")
    updated_at: datetime | None


class PassageFound(Contract):
    """A passage that fits a question."""

    slug: str
    passage: int = Field(description="Its number within the article, from 1.")
    title: str
    heading: str = Field(description="Of its section; empty where it has none.")
    text: str


class KnowledgeResult(Contract):
    """What came of it; what the act has nothing to do with is empty."""

    state: Literal["added", "replaced", "unchanged", "removed"] | None = Field(None, description="Of add and remove.")
    articles: list[ArticleListed] = Field([], description="Of add: the article. Of list: all, by their slugs.")
    found: list[PassageFound] = Field([], description="Of search: the best first.")
    embedded: int = Field(0, description="Of add and index: how many passages got a vector.")
    left: int = Field(0, description="Of index: how many passages are still without one.")
    by: list[Literal["words", "vectors"]] = Field([], description="Of search: what was searched by.")
    problem: str = Field("", description="Why it was done without vectors, though a model is configured for them.")
    cost_usd: float | None = Field(0.0, description="Of vectors; null where their price is not known.")
