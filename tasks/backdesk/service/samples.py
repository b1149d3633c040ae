"""The sample knowledge base."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.platform.samples import Sample
from backdesk.service.knowledge.contract import Section
from backdesk.service.knowledge.library import fill
from backdesk.service.knowledge.sample_articles import ARTICLES
from backdesk.service.tables import Article
from backdesk.shop.samples import SAMPLE as SHOP


def seed(session: Session, _today: date) -> None:
    """Add the articles that are not there: in older databases they came with the shop."""
    there = set(session.scalars(select(Article.slug)))
    for article in ARTICLES:
        if article.slug not in there:
            fill(session, Article(**article._asdict(), language="en"), [Section(text=article.body)])


SAMPLE = Sample("sample-articles", seed, leans_on=SHOP)
