"""The articles of a tenant: kept in passages that can be found, replaced, listed and removed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer, selectinload

from backdesk.platform.database import ScopedDatabase
from backdesk.platform.tables import utc
from backdesk.quality.language import language_of
from backdesk.service.knowledge.contract import ArticleListed, Document, Section
from backdesk.service.knowledge.passages import passages_of
from backdesk.service.knowledge.terms import terms_in_all, terms_of
from backdesk.service.tables import Article, Passage

#: The version of the rules by which articles are split and found. Raise it when they change: what was put in by other
#: rules is put in anew before the next search.
RULES = 1
#: How many such articles are put in at once.
AT_ONCE = 100


State = Literal["added", "replaced", "unchanged"]


class Unembedded(NamedTuple):
    """A passage without a vector, and the text to make one of."""

    id: int
    text: str


def compare(database: ScopedDatabase, document: Document) -> State:
    """Return what `put` makes of a document, as things are now."""
    with database.read() as session:
        return _state(session.scalar(select(Article).where(Article.slug == document.slug)), _digest(document))


def put(database: ScopedDatabase, document: Document) -> None:
    """Keep a document as an article, in place of the one of its name. Atomic; the same document changes nothing."""
    digest = _digest(document)

    def work(session: Session) -> None:
        before = session.scalar(select(Article).where(Article.slug == document.slug).with_for_update())
        if _state(before, digest) == "unchanged":
            return
        article = before or Article(slug=document.slug)
        article.title, article.keywords, article.source = document.title, document.keywords, document.source
        article.digest, article.updated_at = digest, database.now()
        article.language = document.language or ""
        fill(session, article, document.sections)

    database.contend(work)


def has(database: ScopedDatabase, slug: str) -> bool:
    """Return whether there is an article."""
    with database.read() as session:
        return session.scalar(select(Article.slug).where(Article.slug == slug)) is not None


def remove(database: ScopedDatabase, slug: str) -> None:
    """Remove an article, if there is one."""
    with database.write() as session:
        article = session.scalar(select(Article).where(Article.slug == slug))
        if article is not None:
            session.delete(article)


def articles(database: ScopedDatabase, model: str | None, slug: str | None = None) -> list[ArticleListed]:
    """Return the articles by their slugs, or the one of a slug; `model` is the one whose vectors count."""
    every, own = func.count(Passage.id), func.count(Passage.id).filter(Passage.embedded_by == model)
    shown = (Article.slug, Article.title, Article.language, Article.source, Article.updated_at)
    chosen = select(*shown, every, own).outerjoin(Article.passages).group_by(Article.tenant, Article.slug)
    chosen = chosen.order_by(Article.slug) if slug is None else chosen.where(Article.slug == slug)
    with database.read() as session:
        return [
            ArticleListed(
                slug=row.slug,
                title=row.title,
                language=row.language,
                source=row.source,
                updated_at=row.updated_at and utc(row.updated_at),
                passages=row[5],
                embedded=row[6] if model else 0,
            )
            for row in session.execute(chosen)
        ]


def catch_up(database: ScopedDatabase) -> None:
    """Put in what no search would find: articles that came without passages, or by rules of another version."""
    stale = select(Article).where(Article.indexed != RULES).limit(AT_ONCE)

    def work(session: Session) -> bool:
        found = session.scalars(stale.options(selectinload(Article.passages))).all()
        for article in found:
            fill(session, article, _sections_of(article))
        return bool(found)

    with database.read() as session:
        behind = session.scalar(stale.with_only_columns(Article.slug)) is not None
    while behind:
        behind = database.contend(work)


def unembedded(database: ScopedDatabase, model: str, most: int, slug: str | None = None) -> list[Unembedded]:
    """Return passages that have no vector of a model, of an article or of all."""
    chosen = select(Passage).where(Passage.embedded_by.is_distinct_from(model)).order_by(Passage.id).limit(most)
    if slug is not None:
        chosen = chosen.where(Passage.slug == slug)
    with database.read() as session:
        found = session.scalars(chosen.options(selectinload(Passage.article)))
        return [Unembedded(each.id, f"{each.article.title}\n{each.heading}\n{each.text}") for each in found]


def count_unembedded(database: ScopedDatabase, model: str) -> int:
    """Return how many passages have no vector of a model."""
    counted = select(func.count(Passage.id)).where(Passage.embedded_by.is_distinct_from(model))
    with database.read() as session:
        return session.scalar(counted) or 0


def embed(database: ScopedDatabase, model: str, vectors: Mapping[int, bytes]) -> None:
    """Keep vectors by the ids of their passages; a passage that is gone meanwhile is left out."""
    with database.write() as session:
        for passage in session.scalars(select(Passage).where(Passage.id.in_(vectors)).options(defer(Passage.vector))):
            passage.vector, passage.embedded_by = vectors[passage.id], model


def fill(session: Session, article: Article, sections: Sequence[Section]) -> None:
    """Split an article and make it be found. Passages of before go first, as the numbers are given anew."""
    pieces = passages_of(sections)
    article.body = "\n\n".join(piece.text for piece in pieces)
    article.language = article.language or language_of(f"{article.title}. {article.body}") or ""
    session.add(article)
    article.passages.clear()
    session.flush()
    article.passages = [
        Passage(
            slug=article.slug,
            number=number,
            heading=piece.heading,
            text=piece.text,
            heads=_heads(article, piece.heading),
            words=" ".join(terms_of(piece.text, article.language)),
        )
        for number, piece in enumerate(pieces, 1)
    ]
    article.indexed = RULES


def _heads(article: Article, heading: str) -> str:
    said = terms_of(f"{article.title} {heading}", article.language)
    return " ".join(dict.fromkeys([*said, *terms_in_all(article.keywords)]))


def _sections_of(article: Article) -> list[Section]:
    kept = [Section(heading=each.heading, text=each.text) for each in article.passages]
    return kept or [Section(text=article.body)]


def _digest(document: Document) -> str:
    return hashlib.sha256(document.model_dump_json().encode()).hexdigest()


def _state(before: Article | None, digest: str) -> State:
    if before is None:
        return "added"
    return "unchanged" if (before.digest, before.indexed) == (digest, RULES) else "replaced"
