"""The search: by words in the full-text index of the database, and by vectors where there are any.

Both rankings are joined by reciprocal rank fusion: what is found by both goes before what is found by one. (Cormack,
Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, column, func, literal_column, select, table
from sqlalchemy.orm import Session, joinedload

from backdesk.agents.vectors import Embed, no_vectors
from backdesk.platform.database import ScopedDatabase
from backdesk.service.knowledge.contract import PassageFound
from backdesk.service.knowledge.library import catch_up
from backdesk.service.knowledge.terms import asked_in
from backdesk.service.knowledge.vectors import MOST_LOOKED_AT, nearest, packed
from backdesk.service.tables import Passage

#: How many passages are found at most, and of one article.
MOST_FOUND, MOST_OF_ARTICLE = 4, 2
#: How many each of the two searches brings to the other.
MOST_RANKED = 50
#: The constant of the fusion, as its authors have it: how much less the first places count by it.
K = 60
#: How much more a word of what a passage is about counts than one of what it says.
_ABOUT = 3
#: What PostgreSQL has an index of.
VECTOR = (
    "(setweight(to_tsvector('simple'::regconfig, passages.heads), 'A'::\"char\") || "
    "setweight(to_tsvector('simple'::regconfig, passages.words), 'D'::\"char\"))"
)


@dataclass(frozen=True, slots=True)
class Results:
    """What was found, the best first; by what; and why not by vectors, though a model is configured for them."""

    found: list[PassageFound]
    by: tuple[Literal["words", "vectors"], ...]
    problem: str = ""


async def search(database: ScopedDatabase, question: str, embed: Embed = no_vectors) -> Results:
    """Find the passages that fit a question in any language, of the articles of whom the database serves."""
    embedded = await embed([question])
    vectors = [packed(vector) for vector in embedded.vectors]

    def work() -> list[PassageFound]:
        catch_up(database)
        with database.read() as session:
            rankings = [_by_words(session, asked_in(question))]
            rankings += [_by_vector(session, each, embedded.model, embedded.least) for each in vectors]
            return _shown(session, _fused(rankings))

    found = await database.in_thread(work)
    return Results(found, ("words", "vectors") if vectors else ("words",), embedded.problem)


def _by_words(session: Session, asked: Mapping[str, Collection[str]]) -> list[int]:
    if not asked:
        return []
    terms = sorted(frozenset[str]().union(*asked.values()))
    chosen = _of_sqlite if session.get_bind().dialect.name == "sqlite" else _of_postgresql
    rows = session.execute(chosen(terms, session).limit(MOST_RANKED))
    shares = ((_share(asked.values(), row.heads, row.words), row.id) for row in rows)
    # Sorted by that, it keeps the order of the database among equals.
    return [passage for _, passage in sorted(filter(lambda each: each[0], shares), key=lambda each: -each[0])]


def _of_sqlite(terms: Sequence[str], session: Any) -> Select[int, str, str]:
    index = table("passage_index", column("rowid"))
    tenant = session.scope.tenant.replace('"', '""')
    match = f'tenant:"{tenant}" AND {{heads words}}:({" OR ".join(terms)})'
    rank = func.bm25(literal_column("passage_index"), _ABOUT, 1, 0)  # the less, the better
    chosen = select(Passage.id, Passage.heads, Passage.words).join(index, index.c.rowid == Passage.id)
    return chosen.where(literal_column("passage_index").op("MATCH")(match)).order_by(rank, Passage.id)


def _of_postgresql(terms: Sequence[str], _session: Any) -> Select[int, str, str]:
    vector: ColumnElement[Any] = literal_column(VECTOR)
    query = func.to_tsquery(literal_column("'simple'::regconfig"), " | ".join(terms))
    rank = func.ts_rank(vector, query, 1)  # 1: by the logarithm of the length
    chosen = select(Passage.id, Passage.heads, Passage.words).where(vector.op("@@")(query))
    return chosen.order_by(rank.desc(), Passage.id)


def _share(asked: Collection[Collection[str]], heads: str, words: str) -> int:
    """Return how much of a question a passage has, 0 for a word by chance: what it is about counts more.

    It has two words, and one of these in what it is about; or half of the question in what it says. Of a question of
    one word it must be about that.
    """
    about, says = frozenset(heads.split()), frozenset(words.split())
    in_heads = sum(not about.isdisjoint(terms) for terms in asked)
    shared = sum(not about.isdisjoint(terms) or not says.isdisjoint(terms) for terms in asked)
    by_chance = not in_heads if len(asked) == 1 else shared < 2 or (not in_heads and shared * 2 < len(asked))
    return 0 if by_chance else in_heads * (_ABOUT - 1) + shared


def _by_vector(session: Session, question: bytes, model: str, least: float) -> list[int]:
    chosen = select(Passage.id, Passage.vector).where(Passage.embedded_by == model, Passage.vector.is_not(None))
    rows = session.execute(chosen.order_by(Passage.id.desc()).limit(MOST_LOOKED_AT))
    return nearest(question, ((row.id, row.vector) for row in rows), least=least, most=MOST_RANKED)


def _fused(rankings: Iterable[Sequence[int]]) -> list[int]:
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for place, passage in enumerate(ranking, 1):
            scores[passage] += 1 / (K + place)
    return sorted(scores, key=lambda passage: (-scores[passage], passage))


def _shown(session: Session, ranked: Sequence[int]) -> list[PassageFound]:
    """Return the first of a ranking, and not more than a few of one article."""
    chosen = select(Passage).where(Passage.id.in_(ranked)).options(joinedload(Passage.article))
    passages = {each.id: each for each in session.scalars(chosen)}
    taken: Counter[str] = Counter()
    found: list[PassageFound] = []
    for passage in (passages[each] for each in ranked):
        taken[passage.slug] += 1
        if taken[passage.slug] <= MOST_OF_ARTICLE and len(found) < MOST_FOUND:
            found.append(_found(passage))
    return found


def _found(passage: Passage) -> PassageFound:
    return PassageFound(
        slug=passage.slug,
        passage=passage.number,
        title=passage.article.title,
        heading=passage.heading,
        text=passage.text,
    )
