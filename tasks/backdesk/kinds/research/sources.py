"""Where a report searches, and by what a text that was read once is read again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from backdesk.kinds.research.contract import SourceFound, Where
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import BlobNotFound, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.blob import BlobRef

#: Of a source so much is read at most, in characters.
MOST_TEXT = 400_000
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]|[\ud800-\udfff]")


class SourceUnavailable(TaskError):
    """A search or a source gave nothing, for a reason that the report tells; those beside it go on."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        category = Category.NETWORK if transient else Category.VALIDATION
        super().__init__("source_unavailable", message, category=category, transient=transient)


@dataclass(frozen=True, slots=True)
class SourceText:
    """What a source says: its text, and what is known of it by then; whether it `stays` as it is."""

    source: SourceFound
    text: str
    stays: bool = False


class Sources(Protocol):
    """A place to search. Both raise SourceUnavailable, and may be asked again for the same."""

    async def search(self, query: str, most: int) -> Sequence[SourceFound]:
        """Return what fits a query, the best first."""

    async def read(self, source: SourceFound) -> SourceText:
        """Return the text of a source that was found."""


def sources_of(ctx: TaskContext, where: Where) -> Sources:
    """Return the sources of a place. Raises TaskError for one that this deployment does not have."""
    from backdesk.kinds.research import attached, corpus  # noqa: PLC0415 - each needs what is here

    match where:
        case "corpus":
            return corpus.Corpus()
        case "attachments":
            return attached.AttachedSources(ctx)
        case "web":
            from backdesk.kinds.research import web  # noqa: PLC0415 - with what pages are fetched by

            return web.WebSources(ctx)


async def kept(ctx: TaskContext, found: SourceText) -> BlobRef | None:
    """Keep a text that may change or go with the job, by which it is read again; None for one that stays."""
    return None if found.stays else await ctx.keep_file(found.text.encode(), "source.txt", "text/plain")


async def read_again(ctx: TaskContext, source: SourceFound, text: BlobRef | None) -> str | None:
    """Return the text of a source as a reading has read it, None when it is no longer kept."""
    try:
        return (await sources_of(ctx, source.where).read(source)).text if text is None else await _kept_text(ctx, text)
    except (BlobNotFound, SourceUnavailable):
        return None


async def _kept_text(ctx: TaskContext, text: BlobRef) -> str:
    return (await ctx.read_file(text)).decode()


def cleaned(text: str) -> str:
    """Return a text without what no text holds, as long as one may be."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))[:MOST_TEXT]
