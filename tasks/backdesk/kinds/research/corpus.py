"""The sample corpus: documents of a made-up field, by which a report can be made without any network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backdesk.kinds.research.contract import SourceFound
from backdesk.kinds.research.ranking import Index
from backdesk.kinds.research.sources import SourceText, SourceUnavailable

FOLDER = Path(__file__).with_name("corpus")
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


class Corpus:
    """A search in the documents of the sample."""

    async def search(self, query: str, most: int) -> list[SourceFound]:
        """Return the documents that fit, the best first."""
        known = _documents()
        return [known[at].source for at in _index().ranked(query)[:most]]

    async def read(self, source: SourceFound) -> SourceText:
        """Return the text of a document. Raises SourceUnavailable for one that there is not."""
        if (text := text_of(source.id)) is None:
            raise SourceUnavailable(f"there is no document {source.id!r} in the sample corpus")
        return SourceText(source, text, stays=True)


def text_of(slug: str) -> str | None:
    """Return the text of a document by its slug, without its front matter."""
    return next((each.text for each in _documents() if each.source.id == slug), None)


@dataclass(frozen=True, slots=True)
class _Document:
    source: SourceFound
    text: str


@cache
def _documents() -> tuple[_Document, ...]:
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.md")))


@cache
def _index() -> Index:
    return Index([(each.source.title, each.text) for each in _documents()])


def _read(path: Path) -> _Document:
    written = path.read_text("utf-8")
    front = _FRONT.match(written)
    if front is None:
        raise ValueError(f"{path.name} has no front matter")
    said = dict(line.split(": ", 1) for line in front[1].splitlines())
    about = {name: said[name] for name in ("title", "publisher", "published")}
    source = SourceFound(where="corpus", id=path.stem, **about)
    return _Document(source, written[front.end() :].strip())
