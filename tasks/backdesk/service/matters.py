"""What a message is about that no agent has answered, by the customer's own words; without a model.

The words stand in `matters.toml`, a list a language.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import cast

from backdesk.agents.phrases import DEFAULT
from backdesk.service.contract import EscalationCause

_FILE = Path(__file__).with_name("matters.toml")
#: Languages that are written without blanks between words.
_DENSE = frozenset({"ja", "zh"})


def cause_of(message: str, language: str) -> EscalationCause:
    """Return why a person is to answer a message: for danger or a threat that it tells of, else as nobody else has."""
    for cause, pattern in _patterns(language).items():
        if pattern.search(message.casefold()):
            return cause
    return "unanswered"


@cache
def _patterns(language: str) -> dict[EscalationCause, re.Pattern[str]]:
    matters = tomllib.loads(_FILE.read_text("utf-8"))
    return {
        cast("EscalationCause", cause): _pattern(words.get(language, words[DEFAULT]), dense=language in _DENSE)
        for cause, words in matters.items()
    }


def _pattern(words: str, *, dense: bool) -> re.Pattern[str]:
    begin = "" if dense else r"\b"
    each = "|".join(re.escape(word.replace("_", " ")).replace(r"\$", r"\b") for word in words.casefold().split())
    return re.compile(f"{begin}(?:{each})")
