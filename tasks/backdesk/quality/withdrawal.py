"""Whether a statement calls a request cancelled, or what that was for.

"The refund for order 10003 is cancelled" is what happened once the customer has declined it; of "order 10003 is
cancelled" that is not so.
"""

from __future__ import annotations

import re
from functools import cache

from backdesk.quality.check import found_words
from backdesk.quality.references import REFERENCE, references_in
from backdesk.quality.vocabulary import Declined


def is_of_a_request(clause: str, sentence: str, words: Declined) -> bool:
    """Whether a statement is of a request, in a sentence that names nothing else that could be cancelled."""
    if not {*_named(clause, words)} & {*_lower(words.requests)}:
        return False
    sentence = _unnumbered(words.others).sub(r"\g<before>", sentence)
    return not references_in(sentence) and {*_named(sentence, words)} <= {*_lower((*words.requests, *words.of))}


def _named(text: str, words: Declined) -> list[str]:
    return found_words((*words.requests, *words.of, *words.others), text)


def _lower(words: tuple[str, ...]) -> list[str]:
    return [each.lower() for each in words]


@cache
def _unnumbered(nouns: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds the number that stands beside a noun: "order No. 10003"."""
    either = "|".join(re.escape(each).replace(r"\*", r"\w{0,8}") for each in sorted(nouns, key=len, reverse=True))
    noun = f"(?:{either})" if nouns else "(?!)"
    return re.compile(rf"(?P<before>{noun})\s?№?\s?{REFERENCE}|{REFERENCE}(?:\s[^\W\d]+)?\s(?={noun})", re.IGNORECASE)
