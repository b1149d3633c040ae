"""A file that a request names: what it is called, and what type it has by what is in it.

A name and a header are the sender's words; the first bytes tell which program could read a file at all. Text has no
such mark, so it is what reads as text; of which sort, its name may say.
"""

from __future__ import annotations

import hashlib
import re

from pydantic_core import to_json

#: Precedes the SHA-256 of a file in its id.
PREFIX = "att-"
_ID = re.compile(rb"att-[0-9a-f]{64}")
#: How files of a type begin.
_BEGINNINGS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n....IHDR", re.DOTALL),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "application/pdf": re.compile(rb"%PDF-\d"),
}
_TEXTS = {"md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv"}
#: What no text holds, beside what is no UTF-8.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
TAKEN = "PNG, JPEG, GIF and WebP images, PDF, and text in UTF-8 (plain, Markdown, CSV)"


def attachment_id(data: bytes) -> str:
    """Return the id of a file: the same for the same bytes."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_of(attachment_id: str) -> str | None:
    """Return what names the bytes of an attachment in the store; None for what is no id."""
    return attachment_id.removeprefix(PREFIX) if _ID.fullmatch(attachment_id.encode()) else None


def files_in(value: object) -> set[str]:
    """Return the ids of all files that a JSON value names."""
    return {found.decode() for found in _ID.findall(to_json(value, fallback=str))}


def media_type_of(data: bytes, name: str = "") -> str | None:
    """Return the type of a file by its bytes, None for one that is not taken; the name tells sorts of text apart."""
    for media_type, beginning in _BEGINNINGS.items():
        if beginning.match(data):
            return media_type
    return _TEXTS.get(name.rpartition(".")[2].lower(), "text/plain") if _is_text(data) else None


def fault_of(data: bytes, name: str, most_bytes: int) -> str | None:
    """Say why a file is not taken; None for one that is."""
    if not data:
        return "is empty"
    if len(data) > most_bytes:
        return f"has more than {most_bytes:,} bytes, which is the limit (BACKDESK_MAX_ATTACHMENT_BYTES)"
    if media_type_of(data, name) is None:
        return f"is of a type that is not taken; taken are {TAKEN}"
    return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return bool(data) and not _NO_TEXT.search(data)
