"""The kind `service.knowledge`: what people do with the articles that agents answer from.

An article can be found by its words as soon as it is kept. Its vectors come after that: what a model of embeddings
does not answer is made up for by the act `index`.
"""

from __future__ import annotations

from backdesk.agents.contract import ModelUsage
from backdesk.agents.embedding import Embedding
from backdesk.agents.reporter import Reporter
from backdesk.platform.database import ScopedDatabase
from backdesk.platform.deployment import deployment
from backdesk.service.knowledge import library
from backdesk.service.knowledge.contract import KNOWLEDGE, ArticleListed, Document, KnowledgeRequest, KnowledgeResult
from backdesk.service.knowledge.search import search
from backdesk.service.knowledge.vectors import packed
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Severity

#: How long what people looked at is kept.
RETENTION_S = 3600.0
#: How many passages one request to the model of embeddings has, and one job embeds.
AT_ONCE, MOST_EMBEDDED = 64, 512


@task(KNOWLEDGE, queue="tools", retention=RETENTION_S)
async def service_knowledge(ctx: TaskContext, request: KnowledgeRequest) -> KnowledgeResult:
    """Add a document to the knowledge base, list or remove articles, search, or give passages the vectors they lack."""
    return await _Act(ctx).do(request)


class _Act:
    """One act for the tenant of a job."""

    def __init__(self, ctx: TaskContext) -> None:
        here = deployment()
        self._ctx = ctx
        self._database: ScopedDatabase = here.database.of(ctx.tenant)
        self._model = here.settings.embeddings_model
        self._used: dict[str, ModelUsage] = {}
        self._reporter = Reporter(ctx)
        self._embed = Embedding(ctx, here.settings, self._reporter, self._used)

    async def do(self, request: KnowledgeRequest) -> KnowledgeResult:
        match request.act:
            case "add" if request.document is not None:
                result = await self._add(request.document)
            case "search":
                result = await self._search(request.query or "")
            case "remove":
                result = await self._remove(request.slug or "")
            case "index":
                result = await self._index()
            case _:
                result = KnowledgeResult(articles=await self._listed())
        costs = [usage.cost_usd for usage in self._used.values()]
        return result.model_copy(update={"cost_usd": None if None in costs else sum(filter(None, costs))})

    async def _add(self, document: Document) -> KnowledgeResult:
        state = await self._ctx.step("state", self._compare, document, effect=Effect.PURE)
        await self._database.in_thread(lambda: library.put(self._database, document))
        embedded, problem = await self._give_vectors(document.slug)
        return KnowledgeResult(
            state=state, articles=await self._listed(document.slug), embedded=embedded, problem=problem
        )

    async def _remove(self, slug: str) -> KnowledgeResult:
        if not await self._ctx.step("found", self._has, slug, effect=Effect.PURE):
            reason = f"there is no article {slug!r} in the knowledge base of this tenant"
            raise TaskError("article_not_found", reason, category=Category.VALIDATION, severity=Severity.LOW)
        await self._database.in_thread(lambda: library.remove(self._database, slug))
        return KnowledgeResult(state="removed")

    async def _search(self, query: str) -> KnowledgeResult:
        results = await search(self._database, query, self._embed)
        return KnowledgeResult(found=results.found, by=[*results.by], problem=results.problem)

    async def _index(self) -> KnowledgeResult:
        await self._database.in_thread(lambda: library.catch_up(self._database))
        embedded, problem = await self._give_vectors()
        model = self._model
        left = await self._database.in_thread(lambda: library.count_unembedded(self._database, model)) if model else 0
        return KnowledgeResult(embedded=embedded, left=left, problem=problem)

    # What an act comes to is kept before it is done: a worker that dies after it leaves no trace of what there was.

    async def _compare(self, document: Document) -> library.State:
        return await self._database.in_thread(lambda: library.compare(self._database, document))

    async def _has(self, slug: str) -> bool:
        return await self._database.in_thread(lambda: library.has(self._database, slug))

    async def _listed(self, slug: str | None = None) -> list[ArticleListed]:
        return await self._database.in_thread(lambda: library.articles(self._database, self._model, slug))

    async def _give_vectors(self, slug: str | None = None) -> tuple[int, str]:
        """Return how many passages got a vector, of an article or of all, and why the others did not."""
        model, done = self._model, 0
        while model is not None and done < MOST_EMBEDDED:
            without = await self._database.in_thread(lambda: library.unembedded(self._database, model, AT_ONCE, slug))
            made = await self._embed([passage.text for passage in without])
            if not made.vectors:
                return done, made.problem
            vectors = {each.id: packed(vector) for each, vector in zip(without, made.vectors, strict=True)}
            await self._database.in_thread(lambda: library.embed(self._database, model, vectors))  # noqa: B023 - awaited
            done += len(vectors)
        return done, ""
