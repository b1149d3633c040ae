"""A report as Markdown. Whatever others have written is text: markup in it is escaped. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backdesk.kinds.research.document import Block, Cited, Document, ListedSource

#: What Markdown takes for markup within a line, and what it takes for it where a line begins.
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_BEGINS = re.compile(r"^(\s*)([-+=>]|\d{1,9}[.)])")
#: What is made a link of by itself.
_LINKED = re.compile(r"\b(https?|ftp|www|mailto)([:.])", re.IGNORECASE)


def markdown(document: Document) -> str:
    """Return a report as Markdown (CommonMark)."""
    about = "\n".join(f"*{escaped(line)}*  " for line in document.about)
    blocks = (each for block in document.blocks for each in _block(block, document.mark))
    parts = [f"# {escaped(document.title)}", about, *blocks, *_sources(document)]
    return "\n\n".join(filter(None, parts)) + "\n"


def escaped(text: str) -> str:
    """Return a text as Markdown shows it, in one line."""
    line = " ".join(text.split())
    line = _LINKED.sub(r"\1\\\2", _SIGNS.sub(r"\\\1", line))
    return _BEGINS.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", line)


def _block(block: Block, mark: str) -> Iterator[str]:
    yield f"## {escaped(block.heading)}"
    yield from (" ".join(_cited(each, mark) for each in paragraph) for paragraph in block.paragraphs)
    if block.items:
        yield "\n".join(f"- {_cited(each, mark)}" for each in block.items)


def _cited(sentence: Cited, mark: str) -> str:
    numbers = "".join(f"[{number}]" for number in sentence.sources)
    marked = f"*({escaped(mark)})*" if sentence.marked else ""
    return " ".join(filter(None, (escaped(sentence.text), numbers, marked)))


def _sources(document: Document) -> Iterator[str]:
    if not document.sources:
        return
    yield f"## {escaped(document.sources_heading)}"
    yield "\n".join(f"{each.number}. {_source(each)}" for each in document.sources)


def _source(source: ListedSource) -> str:
    return f"{escaped(source.text)} `{source.address.replace('`', '')}`" if source.address else escaped(source.text)
