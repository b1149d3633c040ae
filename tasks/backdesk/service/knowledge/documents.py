"""Files read as documents: Markdown, HTML, PDF and plain text become sections under headings.

Whoever has the files reads them, and needs `backdesk[knowledge]` for it; workers get text alone. Markdown is read by
way of its HTML, so that both are understood in one place. Only what a reader sees counts.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from backdesk.platform.pdf import PdfUnreadable, read_pdf
from backdesk.service.knowledge.contract import MOST_TEXT, Document

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

# What they tell on the way is told by the reasons here.
logging.getLogger("bs4").setLevel(logging.CRITICAL)

#: How large a file is at most, in bytes, and how many pages of a PDF are read.
MOST_BYTES, MOST_PAGES = 50_000_000, 2_000
MISSING = 'documents are read by libraries that are not installed: pip install "backdesk[knowledge]"'
#: Stands around a heading while HTML becomes text.
_MARK = "\ue000"
# Not `head`: where a page leaves its tags out, the parser takes what it does not know, such as `main`, to be in there.
_UNSEEN = (
    "script, style, template, noscript, iframe, svg, title, nav, footer, form, button, [hidden], [aria-hidden=true]"
)
_BLOCKS = "p, div, section, article, main, ul, ol, dl, dt, dd, table, pre, blockquote, figure, hr, header, aside"
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


class DocumentUnreadable(ValueError):
    """A file cannot become an article; the message says why, and what to do."""


@dataclass(slots=True)
class _Read:
    """What a file says of itself, and its sections: headings with texts."""

    sections: list[tuple[str, str]]
    title: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)


def read_document(
    path: Path, *, slug: str | None = None, language: str | None = None, keywords: str | None = None
) -> Document:
    """Read a file. What is given goes before what the file says of itself, in a front matter or its metadata.

    The slug is otherwise that of the file's name. Raises DocumentUnreadable, and OSError for a file that is not there.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DocumentUnreadable(f"files that end in {path.suffix or 'nothing'} are none of {', '.join(READERS)}")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise DocumentUnreadable(f"it has {size:,} bytes, {MOST_BYTES:,} are the most: split it into several files")
    read = reader(path.read_bytes())
    sections = [(heading[:300], text) for heading, text in read.sections if text.strip()]
    if not sections:
        raise DocumentUnreadable("there is no text in it")
    return _checked(
        slug=slug or read.said.get("slug") or slug_of(path),
        title=_line(read.said.get("title") or read.title or path.stem),
        language=language or _language(read.said),
        keywords=keywords if keywords is not None else _keywords(read.said.get("keywords")),
        source=path.name[:300],
        sections=[{"heading": heading, "text": text} for heading, text in sections],
    )


def slug_of(path: Path) -> str:
    """Return the slug of a file by its name. Raises DocumentUnreadable for a name without Latin letters and digits."""
    plain = unicodedata.normalize("NFKD", path.stem.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    if not (slug := re.sub(r"[^a-z0-9]+", "-", plain)[:80].strip("-")):
        raise DocumentUnreadable("its name gives no slug of Latin letters and digits: give one by --slug")
    return slug


def _checked(**fields: Any) -> Document:
    size = sum(len(section["text"]) for section in fields["sections"])
    if size > MOST_TEXT:
        raise DocumentUnreadable(
            f"it has {size:,} characters of text, {MOST_TEXT:,} are the most: split it into several files"
        )
    try:
        return Document.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DocumentUnreadable(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


# --- formats ---


def _markdown(data: bytes) -> _Read:
    text = _decoded(data)
    said: Any = {}
    if front := _FRONT.match(text):
        try:
            said = yaml.safe_load(front[1]) or {}
        except yaml.YAMLError as error:
            raise DocumentUnreadable(f"its front matter is no YAML: {_line(str(error))}") from None
        if not isinstance(said, dict):
            raise DocumentUnreadable("its front matter must have names and values, such as title: Returns")
        text = text[front.end() :]
    try:
        from markdown_it import MarkdownIt  # noqa: PLC0415 - of the extra
    except ImportError:
        raise DocumentUnreadable(MISSING) from None
    read = _html(MarkdownIt("commonmark").enable("table").render(text).encode())
    read.said = said
    return read


def _html(data: bytes) -> _Read:
    try:
        from bs4 import BeautifulSoup  # noqa: PLC0415 - of the extra
    except ImportError:
        raise DocumentUnreadable(MISSING) from None
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentUnreadable("it is no text: it has NUL bytes")
    soup = BeautifulSoup(data, "lxml")
    if soup.contains_replacement_characters:
        raise DocumentUnreadable("it is no text in an encoding that it names: save it in UTF-8")
    said = _said_by(soup)
    named = _line(soup.title.get_text()) if soup.title else ""
    for unseen in soup.select(_UNSEEN):
        unseen.decompose()
    heading = soup.find("h1")
    title = _line(heading.get_text(" ")) if heading else ""
    parts = re.split(f"{_MARK}(.*?){_MARK}", _text_of(soup.find("main") or soup), flags=re.DOTALL)
    headings = ["", *map(_line, parts[1::2])]
    sections = [("" if each == title else each, text.strip()) for each, text in zip(headings, parts[::2], strict=True)]
    return _Read(sections, title or named, said)


def _said_by(soup: BeautifulSoup) -> dict[str, Any]:
    keywords = soup.find("meta", attrs={"name": re.compile("^keywords$", re.IGNORECASE)})
    root = soup.find("html")
    return {
        "keywords": str(keywords.get("content", "")) if keywords else "",
        "language": str(root.get("lang", "")) if root else "",
    }


def _text_of(tag: Tag) -> str:
    from bs4.element import PreformattedString  # noqa: PLC0415 - of the extra

    for string in tag.find_all(string=True):
        if isinstance(string, PreformattedString):  # comments, and what is meant for programs
            string.extract()
        elif string.find_parent("pre") is None:
            string.replace_with(re.sub(r"\s+", " ", string.replace(_MARK, " ")))
    for selector, before, after in (
        (_BLOCKS, "\n\n", "\n\n"),
        ("li", "\n- ", "\n"),
        ("tr", "\n", "\n"),
        ("td, th", "", " | "),
        ("br", "\n", ""),
        ("h1, h2, h3, h4, h5, h6", f"\n\n{_MARK}", f"{_MARK}\n\n"),
    ):
        for each in tag.select(selector):
            each.insert_before(before)
            each.insert_after(after)
    lines = (re.sub(r"(?<=\S) {2,}", " ", line).rstrip(" |") for line in tag.get_text().splitlines())
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line if line.strip() else "" for line in lines))
    return re.sub(r"\n\n(?=- )", "\n", text)  # a list goes with what introduces it


def _pdf(data: bytes) -> _Read:
    try:
        pdf = read_pdf(data, most_pages=MOST_PAGES)
    except ImportError:
        raise DocumentUnreadable(MISSING) from None
    except PdfUnreadable as error:
        raise DocumentUnreadable(str(error)) from None
    if pdf.count > MOST_PAGES:
        raise DocumentUnreadable(
            f"it has {pdf.count:,} pages, {MOST_PAGES:,} are the most: split it into several files"
        )
    if not any(pdf.pages):
        raise DocumentUnreadable("its pages have no text, as scans have none: recognise it first, such as by ocrmypdf")
    return _Read([(f"page {number}", text) for number, text in enumerate(pdf.pages, 1)], said=pdf.about)


def _plain(data: bytes) -> _Read:
    return _Read([("", _decoded(data))])


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentUnreadable("it is no text in UTF-8: save it as that") from None
    if "\0" in text:
        raise DocumentUnreadable("it is no text: it has NUL bytes")
    return text.replace("\r\n", "\n")


def _keywords(said: Any) -> str:
    return _line(" ".join(map(str, said)) if isinstance(said, list) else str(said or ""), most=2_000)


def _language(said: Mapping[str, Any]) -> str | None:
    code = str(said.get("language") or "").lower().replace("_", "-").partition("-")[0]
    return code if re.fullmatch(r"[a-z]{2}", code) else None


def _line(text: str, most: int = 300) -> str:
    return " ".join(str(text).split())[:most]


#: What can be read, by the ends of names.
READERS: Mapping[str, Callable[[bytes], _Read]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".txt": _plain,
}
