"""The numbers of fire brigade, ambulance and police, which an answer knows by itself where it speaks of danger."""

from __future__ import annotations

import re

from backdesk.quality.check import found_words
from backdesk.quality.vocabulary import vocabulary_of

_SENTENCE = re.compile(r"[^.!?。！？\n]+")


def is_emergency_call(number: str, text: str, at: int, language: str | None) -> bool:
    """Whether a number that stands at a place of a text is one to call in danger, and its sentence says so."""
    for emergency in (vocabulary_of(language).emergency, vocabulary_of("en").emergency):
        if number in emergency.numbers.split():
            sentence = next((each[0] for each in _SENTENCE.finditer(text) if each.start() <= at < each.end()), "")
            return bool(found_words(emergency.dangers, sentence) and found_words(emergency.calls, sentence))
    return False
