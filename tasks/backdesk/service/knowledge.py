"""Search the knowledge base. Ranked by shared words: good for a few hundred articles, and explainable."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import tool
from backdesk.service.tables import Article
from backdesk.worker.attempt.ledger import Effect

#: Words that say nothing about the subject.
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        an and any are as at be but can did do does for from had has have how if in is it its me my no not
        of on or our please so that the their them then there this to up was we what when where which why
        will with you your order help hello hi product
        """,
    )
)
#: A title or a keyword that fits counts more than a word somewhere in the text.
_TITLE, _KEYWORD, _BODY = 3, 3, 1
#: Below this an article shares a word by chance.
_LEAST_SCORE, _LEAST_WORDS = 4, 2


Query = Annotated[str, Field(description="The product and the problem in the customer's words.")]


class ArticleFound(ToolOutcome):
    """One article."""

    slug: str
    title: str
    body: str

    def summary(self) -> str:
        return self.title


class ArticlesFound(ToolOutcome):
    """The articles that fit, the best one first; empty when none does."""

    articles: list[ArticleFound]

    def summary(self) -> str:
        titles = "; ".join(article.title for article in self.articles)
        return f"{len(self.articles)} found: {titles}" if titles else "nothing found"


@tool(Effect.PURE)
async def search_articles(desk: Desk, query: Query) -> ArticlesFound:
    """Search the knowledge base for instructions about a product or an account."""
    words = _words(query)

    def work() -> ArticlesFound:
        with desk.database.read() as session:
            scored = [(_score(article, words), article) for article in session.scalars(select(Article))]
            best = sorted(
                (pair for pair in scored if pair[0] >= _LEAST_SCORE),
                key=lambda pair: (-pair[0], pair[1].slug),
            )
            return ArticlesFound(articles=[ArticleFound(slug=a.slug, title=a.title, body=a.body) for _, a in best[:3]])

    return await desk.database.in_thread(work)


def _words(content: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9-]{2,}", content.lower())) - _STOP_WORDS


def _score(article: Article, words: frozenset[str]) -> int:
    weighted = ((_TITLE, article.title), (_KEYWORD, article.keywords), (_BODY, article.body))
    shared = [(weight, words & _words(content)) for weight, content in weighted]
    if len(frozenset().union(*(found for _, found in shared))) < _LEAST_WORDS:
        return 0
    return sum(weight * len(found) for weight, found in shared)
