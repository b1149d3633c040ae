"""Search the knowledge base, as agents do. What they find they can cite, and nothing else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from backdesk.agents.contract import Source
from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import tool
from backdesk.service.knowledge.search import search
from backdesk.worker.attempt.ledger import Effect

Query = Annotated[str, Field(description="The product and the problem in the customer's words.")]


class ArticleFound(ToolOutcome):
    """A passage of an article; `cite` is how an answer names it."""

    slug: str
    title: str
    body: str
    passage: int = 1
    heading: str = ""
    cite: str = ""

    def summary(self) -> str:
        return self.title


class ArticlesFound(ToolOutcome):
    """The passages that fit, the best one first; empty when none does."""

    articles: list[ArticleFound]
    #: Why vectors had no part in it, though a model is configured for them.
    problem: str = Field("", exclude_if=lambda problem: not problem)

    def summary(self) -> str:
        titles = "; ".join(article.title for article in self.articles)
        told = f"{len(self.articles)} found: {titles}" if titles else "nothing found"
        return f"{told} (by words alone: {self.problem})" if self.problem else told


@tool(Effect.PURE)
async def search_articles(desk: Desk, query: Query) -> ArticlesFound:
    """Search the knowledge base for instructions about a product or an account.

    Whoever answers by a passage cites it: its `cite`, as it is, behind the sentence.
    """
    results = await search(desk.database, query, desk.embed)
    return ArticlesFound(
        articles=[
            ArticleFound(
                slug=each.slug,
                title=each.title,
                body=each.text,
                passage=each.passage,
                heading=each.heading,
                cite=Source(article=each.slug, passage=each.passage, title=each.title).cite,
            )
            for each in results.found
        ],
        problem=results.problem,
    )
