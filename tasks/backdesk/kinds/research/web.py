"""The web as a source: the search of the deployment, and pages as the tools of agents read them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from backdesk.agents import AgentRequest, Desk, Refusal, desk_for
from backdesk.kinds.research.contract import SourceFound
from backdesk.kinds.research.sources import MOST_TEXT, SourceText, SourceUnavailable, cleaned
from backdesk.tools import Folder, read_page_tool, search_tool
from backdesk.tools.web.tools import configured_search
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import ConfigurationError, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.budget import SpendingRefused

T = TypeVar("T")
#: The marks between which the tool tells a page.
_BEGINS, _ENDS = "<page>\n", "\n</page>"
#: The longest question that the search takes, and the longest address that is read. Characters.
_LONGEST_QUERY, _LONGEST_URL = 400, 2_000


class WebSources:
    """The web, as one job reaches it. Raises TaskError where no search is configured."""

    def __init__(self, ctx: TaskContext) -> None:
        try:
            provider = configured_search()
        except ConfigurationError as error:
            raise TaskError("sources_unavailable", str(error), category=Category.VALIDATION) from None
        self._desk: Desk = desk_for(ctx, AgentRequest(message="Research"))
        folder = provider if isinstance(provider, Folder) else None
        self._search = search_tool(provider)
        self._read = read_page_tool(folder=folder, most_chars=MOST_TEXT)

    async def search(self, query: str, most: int) -> Sequence[SourceFound]:
        """Return what the search of the deployment has found."""
        found = await _answered(self._search(self._desk, query[:_LONGEST_QUERY], most))
        return [
            SourceFound(
                where="web",
                id=hit.url,
                title=(" ".join(hit.title.split()) or hit.url)[:300],
                publisher="sample" if hit.sample else "",
                published=hit.date[:40],
            )
            for hit in found.hits
            if 0 < len(hit.url) <= _LONGEST_URL
        ]

    async def read(self, source: SourceFound) -> SourceText:
        """Return what a page says."""
        page = await _answered(self._read(self._desk, source.id))
        text = cleaned(page.text.removeprefix(_BEGINS).removesuffix(_ENDS))
        if not text.strip():
            raise SourceUnavailable("the page has no text")
        known = {"title": page.title[:300] or source.title, "published": source.published or page.date[:40]}
        return SourceText(source.model_copy(update=known), text)


async def _answered(call: Awaitable[T | Refusal]) -> T:
    """Return what a tool has found. Raises SourceUnavailable for what it refuses, and for a service that fails."""
    try:
        found = await call
    except TaskError as error:
        if isinstance(error, SpendingRefused):
            raise
        raise SourceUnavailable(error.message, transient=error.transient) from error
    if isinstance(found, Refusal):
        raise SourceUnavailable(found.refused)
    return found
