"""A question to the customer how content they are: asked by code, and answered by a number, of which a job is made.

That it was asked is a fact of the last turn, so that only the next message can be its answer.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdesk.agents.phrases import Phrases
from backdesk.worker.memory.conversation import Conversation

#: The fact: `kind` and `request` of the job that keeps the answer as its `score`, and the `language` of the question.
FACT = "rating"
#: Who answers a number, as a path of agents has it.
CODE = "rating"
_PHRASES = Phrases(Path(__file__).with_name("phrases.toml"))
#: A number and nothing else: "5 lamps, please" rates nothing.
_SCORE = re.compile(r"([1-5])(?:\s*/\s*5)?\s*[\u2605\u2b50]*\ufe0f?[.!\u3002\uff01]*|([\u2605\u2b50]\ufe0f?){1,5}")
_STAR = re.compile(r"[\u2605\u2b50]")


@dataclass(frozen=True, slots=True)
class Rating:
    """What a customer has answered: the job that keeps it, and what they hear."""

    kind: str
    request: dict[str, Any]
    thanks: str
    #: What agents know, for their next turn.
    facts: dict[str, Any]


def question(language: str) -> str:
    """Return the question, in a language (ISO 639-1) or else in English."""
    return _PHRASES.say("how_content", language)


def asked(kind: str, request: dict[str, Any], language: str) -> dict[str, Any]:
    """Return the facts of a turn that asks, given the job that is to keep the answer, without its score."""
    return {FACT: {"kind": kind, "request": request, "language": language}}


def rating_of(past: Conversation, message: str) -> Rating | None:
    """Return what a message answers if the last turn has asked; None when it is no plain number from 1 to 5."""
    fact, score = past.facts.get(FACT), score_of(message)
    if fact is None or score is None:
        return None
    facts = {name: each for name, each in past.facts.items() if name != FACT}
    thanks = _PHRASES.say("thanks_for_rating", fact["language"])
    return Rating(fact["kind"], {**fact["request"], "score": score}, thanks, facts)


def score_of(message: str) -> int | None:
    """Return the number that a message consists of, from 1 to 5, or that of its stars; None for anything else."""
    text = unicodedata.normalize("NFKC", message).strip()
    if (found := _SCORE.fullmatch(text)) is None:
        return None
    return int(found[1]) if found[1] else len(_STAR.findall(text))
