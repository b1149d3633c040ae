"""How warm a text is, by TextBlob's lexicon of English; a text in another language is neutral to it.

Only the part of the library that looks words up is loaded, at the first review, or by `load` before there is one. Its
front door loads NLTK as well: a quarter of a second and 20 MB, for trees and corpora that this has no use for.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

from backdesk.quality.language import language_of
from backdesk.worker.loading import by_name

#: What only names a displeasure: an apology and what it is for, up to where another statement may begin; a question.
_NEUTRAL = re.compile(
    r"\b(?:sorry|apologi[sz]e|apologies)\b(?: (?:and )?(?:for|about) (?:the|any|this|our|all)\b"
    r"(?:(?! (?:and|but|you|your|because|since)\b)[^.!?;:,\n])*){0,3}"
    r"|\bwhat (?:is|was|went|goes) wrong\b(?! with you\b)",
    re.IGNORECASE,
)


def load() -> None:
    """Load what the first review would load; for `prepare=` of a kind whose agents have a gate."""
    sentiment("Thank you.")


def sentiment(text: str) -> float:
    """Return from -1 (hostile) over 0 (neutral) to 1 (warm): the polarity of TextBlob's pattern analyzer.

    Of the text without what only names a displeasure: "I apologise for the bad experience" is not hostile.
    """
    if language_of(text) not in {None, "en"}:
        return 0.0
    polarity, _subjectivity = _analyzer()(_NEUTRAL.sub("", text))
    return max(-1.0, min(1.0, float(polarity)))


@cache
def _analyzer() -> Any:
    by_name("textblob")
    return import_module("textblob.en").sentiment
