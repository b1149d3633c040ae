"""Files of the request as sources: texts, and the text of a PDF."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.agents.pdf_text import pdf_text
from backdesk.kinds.research.contract import SourceFound
from backdesk.kinds.research.sources import SourceText, SourceUnavailable, cleaned
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.attachment import media_type_of


class AttachedSources:
    """The files of one request: nothing is searched, all of them are read."""

    def __init__(self, ctx: TaskContext) -> None:
        self._ctx = ctx

    async def search(self, query: str, most: int) -> Sequence[SourceFound]:
        """Find nothing: what there is was given."""
        return ()

    async def read(self, source: SourceFound) -> SourceText:
        """Return the text of a file. Raises SourceUnavailable for one that has none, or is no longer kept."""
        data = await self._ctx.attached(source.id)
        if data is None:
            raise SourceUnavailable(f"the file {source.title} is no longer kept: attach it anew")
        media_type = media_type_of(data, source.title) or ""
        if media_type == "application/pdf":
            text = await pdf_text(source.id, data)
        elif media_type.startswith("text/"):
            text = data.decode()
        else:
            raise SourceUnavailable(f"the file {source.title} is {media_type or 'of no known type'}, and has no text")
        if not text.strip():
            raise SourceUnavailable(f"no text could be read in the file {source.title}")
        return SourceText(source, cleaned(text))
