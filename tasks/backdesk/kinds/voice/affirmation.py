"""Whether somebody has said yes. Strict: what is not a plain yes is none, and one is asked again. Pure."""

from __future__ import annotations

import re

_YES = re.compile(
    r"\b(?:yes|yeah|yep|yup|sure|ok|okay|correct|right|exactly|perfect|great|fine|definitely|absolutely|certainly|"
    r"of course|please do|go ahead|do it|do that|book it|sounds good|that works|works for me|i confirm|confirmed?|"
    r"i agree|agreed|ja|oui|s\u00ed|si|sim|da|tak|evet)\b",
    re.IGNORECASE,
)
#: What takes a yes back, puts a condition, or wants something else.
_NOT = re.compile(
    r"\b(?:no|nope|not|don't|do not|but|instead|rather|actually|except|unless|only if|change|different|another|other|"
    r"later|earlier|wait|hold on|stop|wrong|maybe|perhaps|nein|non|aber|mais)\b|n't\b|\?",
    re.IGNORECASE,
)


def affirms(text: str) -> bool:
    """Whether a text is a yes without an if or a but."""
    plain = text.replace("\u2019", "'")
    return _YES.search(plain) is not None and _NOT.search(plain) is None
