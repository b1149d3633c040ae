"""The text of PDF files, page by page. Needs `backdesk[knowledge]`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import Any

# What it tells on the way is told by the reasons here.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class PdfUnreadable(ValueError):
    """A file is no PDF that can be read; the message says why."""


@dataclass(slots=True)
class Pdf:
    """What was read of a file that has `count` pages, and what it says of itself."""

    pages: list[str]
    count: int
    about: dict[str, Any] = field(default_factory=dict)


def read_pdf(data: bytes, *, most_pages: int, most_chars: int | None = None) -> Pdf:
    """Read the first pages of a file, as many as are needed for so many characters.

    Raises PdfUnreadable, and ImportError without the library. A file can be made to take any time and much memory: one
    from a stranger is read in a process that has neither.
    """
    from pypdf import PdfReader  # noqa: PLC0415 - of the extra

    try:
        reader = PdfReader(BytesIO(data))
        if opens := not reader.is_encrypted or bool(reader.decrypt("")):
            texts = (_flowing(page.extract_text()) for page in islice(reader.pages, most_pages))
            read = Pdf([*_until(texts, most_chars)], len(reader.pages), _said_by(reader))
    except Exception as error:  # noqa: BLE001 - whatever a broken file makes of the library, it is the file's
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise PdfUnreadable(f"it is no PDF that can be read: {reason}") from None
    if not opens:
        raise PdfUnreadable("it is encrypted: save it without a password")
    return read


def _said_by(reader: Any) -> dict[str, Any]:
    about = reader.metadata or {}
    said = {"keywords": about.get("/Keywords"), "title": about.get("/Title")}
    return {**said, "language": reader.root_object.get("/Lang")}


def _until(texts: Iterator[str], most_chars: int | None) -> Iterator[str]:
    size = 0
    for text in texts:
        yield text
        size += len(text)
        if most_chars is not None and size >= most_chars:
            return


def _flowing(text: str) -> str:
    """Join the lines of a page into paragraphs, and words that were parted at the end of a line."""
    whole = re.sub(r"(?<=[^\W\d_])-\n(?=[^\W\d_])", "", text.replace("\0", ""))
    return re.sub(r"(?<!\n)\n(?!\n)", " ", whole).strip()
