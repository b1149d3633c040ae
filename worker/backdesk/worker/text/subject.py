"""The subject of a job: in one line what its request is about, for people who are to see as little of it as possible.

A safety net, like the masking of secrets: addresses, telephone numbers and long numbers are masked; names are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from backdesk.worker.text.masking import mask

#: Longest subject, in characters.
LONGEST = 120
EMAIL, NUMBER = "[masked-email]", "[masked-number]"

#: Looked for where such signs begin alone: from each of them on, a long text of them would take seconds.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
#: At least seven digits: of an order, a year or an amount there are fewer.
_NUMBER = re.compile(r"\+?\d(?:[ ()./-]{0,2}\d){6,}")


def subject_of(request: bytes, *, cut: bool) -> str:
    """Return the first text of several words in a request, else its first text, masked; "" when there is none.

    `request` is JSON; one that was cut is read as far as it goes.
    """
    try:
        value = from_json(request.decode("utf-8", "ignore"), allow_partial="trailing-strings" if cut else False)
    except ValueError:
        return ""
    texts = [" ".join(text.split()) for text in _texts(value)]
    if cut and texts:
        texts[-1] = texts[-1].rpartition(" ")[0]  # its last word may be a part of what is to be masked
    subject = mask(next((text for text in texts if " " in text), next(filter(None, texts), "")))
    subject = _NUMBER.sub(NUMBER, hide_addresses(subject))
    return subject if len(subject) <= LONGEST else f"{subject[: LONGEST - 1].rstrip()}…"


def hide_addresses(text: str) -> str:
    """Return a text without the e-mail addresses in it."""
    return _EMAIL.sub(EMAIL, text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
