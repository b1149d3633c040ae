"""A search over documents in a folder: for demos, tests, and where no provider is configured."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from backdesk.agents.desk import Desk
from backdesk.tools.web.reading import PageText
from backdesk.tools.web.search import Hit
from backdesk.worker.errors import ConfigurationError

#: How the documents are named in place of an address.
SCHEME = "doc:"
_SUFFIXES = frozenset({".md", ".txt"})
#: Of one document, and of them all, so much is read. Characters, and a number.
MOST_CHARS, MOST_DOCUMENTS = 300_000, 2_000


@dataclass(frozen=True)
class Folder:
    """The Markdown and text files in a folder and below it. Raises ConfigurationError when it is none.

    A process reads each once, and again when it has changed.
    """

    path: Path

    def __post_init__(self) -> None:
        """See that it is there."""
        if not self.path.is_dir():
            raise ConfigurationError(f"{self.path} is no folder of documents to search")

    async def search(self, _desk: Desk, query: str, count: int) -> Sequence[Hit]:
        """Return the documents that have most of the words of a question."""
        return await asyncio.to_thread(self._search, query, count)

    async def page(self, address: str) -> PageText | None:
        """Return a document by its address, None when it is none of these."""
        return (await asyncio.to_thread(self._documents)).get(address.removeprefix(SCHEME))

    def _documents(self) -> Mapping[str, PageText]:
        files = sorted(each for each in self.path.rglob("*") if each.suffix in _SUFFIXES and _is_inside(each))
        return {str(each.relative_to(self.path)): _read(each, *_state(each)) for each in files[:MOST_DOCUMENTS]}

    def _search(self, query: str, count: int) -> list[Hit]:
        words = re.findall(r"\w+", query)[:20]
        if not words:
            return []
        documents = self._documents()
        with closing(sqlite3.connect(":memory:")) as index:
            index.execute("CREATE VIRTUAL TABLE pages USING fts5(name UNINDEXED, title, text, tokenize='porter')")
            rows = [(name, each.title, each.text) for name, each in documents.items()]
            index.executemany("INSERT INTO pages VALUES (?, ?, ?)", rows)
            asked = " OR ".join(f'"{word}"' for word in words)
            found = index.execute(
                "SELECT name, snippet(pages, 2, '', '', '…', 40) FROM pages WHERE pages MATCH ? "
                "ORDER BY bm25(pages, 0, 4, 1) LIMIT ?",
                (asked, count),
            )
            return [_hit(name, documents[name], snippet) for name, snippet in found]


def _is_inside(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size


def _hit(name: str, document: PageText, snippet: str) -> Hit:
    told = " ".join(snippet.split())
    return Hit(title=document.title, url=f"{SCHEME}{name}", snippet=told, date=document.date, sample=True)


@lru_cache(maxsize=MOST_DOCUMENTS)
def _read(file: Path, changed_ns: int, _size: int) -> PageText:
    text = file.read_text("utf-8", "replace")[:MOST_CHARS]
    heading = re.search(r"^#+ +(.+)$", text, re.MULTILINE)
    day = datetime.fromtimestamp(changed_ns / 1e9, UTC).date().isoformat()
    return PageText(heading[1].strip() if heading else file.stem, day, text)
