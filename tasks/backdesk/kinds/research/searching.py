"""The searches of a report, and which of what they bring is read."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from pydantic import BaseModel

from backdesk.kinds.research.contract import SourceFound, Topic
from backdesk.kinds.research.sources import SourceUnavailable, sources_of
from backdesk.kinds.research.work import Work, digest
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect

#: What one query brings, and how many are asked at a time.
MOST_HITS, AT_ONCE = 8, 4
#: The constant of reciprocal rank fusion, as its authors have it.
_K = 60


class Searched(BaseModel):
    """What a query has brought, or why it has brought nothing."""

    found: list[SourceFound] = []
    problem: str = ""


class Searches:
    """The searches of one attempt; the same query is asked once in the life of the job."""

    def __init__(self, ctx: TaskContext, work: Work) -> None:
        self._ctx = ctx
        self._work = work
        self._sources = sources_of(ctx, work.request.sources)
        self._known: dict[str, Searched] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def chosen(self, topics: Sequence[Topic], most: int) -> list[tuple[SourceFound, list[Topic]]]:
        """Return the sources to read, each with its topics: for each topic the `most` best, and all files.

        A search that fails is told of in the report.
        """
        queries = dict.fromkeys(query for topic in topics for query in topic.queries if query not in self._known)
        found = await asyncio.gather(*map(self._search, queries))
        self._known |= zip(queries, found, strict=True)
        self._work.problems += dict.fromkeys(each.problem for each in found if each.problem)
        files = [SourceFound(where="attachments", id=each.id, title=each.name) for each in self._work.files]
        chosen: dict[str, tuple[SourceFound, list[Topic]]] = {}
        for topic in topics:
            ranked = fused(self._known[query].found for query in topic.queries)
            for source in [*files, *ranked[:most]]:
                chosen.setdefault(source.name, (source, []))[1].append(topic)
        return [*chosen.values()]

    async def _search(self, query: str) -> Searched:
        async with self._at_once:
            search = partial(self._asked, query)
            return await self._ctx.step(f"search/{digest(query)}", search, effect=Effect.PURE)

    async def _asked(self, query: str) -> Searched:
        try:
            return Searched(found=[*await self._sources.search(query, MOST_HITS)])
        except SourceUnavailable as error:
            return Searched(problem=f"The search for “{query}” brought nothing: {error}")


def fused(rankings: Iterable[Sequence[SourceFound]]) -> list[SourceFound]:
    """Return what was found, the best first: what several queries have found goes before what one has."""
    scores: defaultdict[str, float] = defaultdict(float)
    sources: dict[str, SourceFound] = {}
    for ranking in rankings:
        for place, source in enumerate(ranking, 1):
            scores[source.name] += 1 / (_K + place)
            sources.setdefault(source.name, source)
    return sorted(sources.values(), key=lambda source: -scores[source.name])
