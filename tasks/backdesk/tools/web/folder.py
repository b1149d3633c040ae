"""A search over documents in a folder: for demos, tests, and where no provider is configured."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
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
    """The Markdown and text files in a folder and below it, read once. Raises ConfigurationError when it is none."""

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
        return (await asyncio.to_thread(lambda: self._documents)).get(address.removeprefix(SCHEME))

    @cached_property
    def _documents(self) -> Mapping[str, PageText]:
        files = sorted(each for each in self.path.rglob("*") if each.suffix in _SUFFIXES and _is_inside(each))
        return {str(each.relative_to(self.path)): _read(each) for each in files[:MOST_DOCUMENTS]}

    def _search(self, query: str, count: int) -> list[Hit]:
        words = re.findall(r"\w+", query)[:20]
        if not words:
            return []
        with closing(sqlite3.connect(":memory:")) as index:
            index.execute("CREATE VIRTUAL TABLE pages USING fts5(name UNINDEXED, title, text, tokenize='porter')")
            rows = [(name, each.title, each.text) for name, each in self._documents.items()]
            index.executemany("INSERT INTO pages VALUES (?, ?, ?)", rows)
            asked = " OR ".join(f'"{word}"' for word in words)
            found = index.execute(
                "SELECT name, title, snippet(pages, 2, '', '', '…', 40) FROM pages WHERE pages MATCH ? "
                "ORDER BY bm25(pages, 0, 4, 1) LIMIT ?",
                (asked, count),
            )
            return [self._hit(*row) for row in found]

    def _hit(self, name: str, title: str, snippet: str) -> Hit:
        told = " ".join(snippet.split())
        return Hit(title=title, url=f"{SCHEME}{name}", snippet=told, date=self._documents[name].date, sample=True)


def _is_inside(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _read(file: Path) -> PageText:
    text = file.read_text("utf-8", "replace")[:MOST_CHARS]
    heading = re.search(r"^#+ +(.+)$", text, re.MULTILINE)
    day = datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()
    return PageText(heading[1].strip() if heading else file.stem, day, text)
