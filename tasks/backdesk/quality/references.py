"""The numbers of orders and the like that a text names."""

from __future__ import annotations

import re

from backdesk.quality.notation import plain

#: Numbers of orders and the like, but no years.
REFERENCE = r"(?<![\w.,])(?!(?:19|20)\d\d\b)(?:[A-Za-z]{1,4}-)?\d{4,}\b"
_REFERENCE = re.compile(REFERENCE)


def references_in(text: str) -> list[str]:
    """Return the numbers of orders and the like that a text names."""
    return _REFERENCE.findall(text.lower())


def names(text: str, references: list[str]) -> bool:
    """Whether a text has one of these numbers, if there are any."""
    written = plain(text).lower()
    return not references or any(each in written for each in references)
