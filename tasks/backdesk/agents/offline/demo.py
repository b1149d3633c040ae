"""Rules for any team, so that a new kind can be tried without a model: they understand nothing and find words.

A tool is called when the message has what it asks for, an agent passed on to when the message names it; what a tool
returned is said as it is. That shows how a job runs, its tools, events and retries. It says nothing about a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from backdesk.agents.card import ASK, GIVE_ANSWER, HAND_OVER
from backdesk.agents.offline.phrases import ask, hand_over, say
from backdesk.agents.outcome import in_words
from backdesk.agents.situation import Call, Offer, Reply, Situation

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
#: Shorter words are in every sentence.
LEAST_LETTERS = 3


def demo_rules(now: Situation) -> Reply:
    """Decide by the words of the message alone, as the rules of a `Team` that is tried without a model."""
    found = [reply.proposed or (in_words(reply.data) if reply.succeeded else reply.problem) for reply in now.replies]
    if not found and (colleague := _named(now)):
        return hand_over(colleague, f"The message names {colleague}.")
    if not found and (call := _fitting(now)):
        return (call,)
    return _end(now, found)


def _end(now: Situation, found: list[str]) -> Reply:
    if answer := _structured(now, found):
        return (answer,)
    if now.may_say:
        return say(*(found or _nothing_found(now)))
    if colleagues := _colleagues(now):
        return hand_over(colleagues[0], "Whoever began may not answer.")
    return ask("What is it about?") if ASK in now.outputs else say(*found)


def _nothing_found(now: Situation) -> Iterable[str]:
    yield f"I only stand in for a model, and found nothing to do in {now.message!r}."
    if now.tools:
        yield f"I may call {', '.join(sorted(now.tools))}."


def _named(now: Situation) -> str | None:
    return next((name for name in _colleagues(now) if _words(name) & _words(now.message)), None)


def _colleagues(now: Situation) -> list[str]:
    for offer in now.offers:
        if offer.name == HAND_OVER:
            to = offer.schema["properties"]["to"]
            return to.get("enum") or [to["const"]]
    return []


def _structured(now: Situation, found: list[str]) -> Call | None:
    for offer in now.offers:
        if offer.name == GIVE_ANSWER and (args := _arguments(offer.schema, " ".join(found) or now.message)) is not None:
            return Call(GIVE_ANSWER, args)
    return None


def _fitting(now: Situation) -> Call | None:
    """Return the call of a tool that has most in common with the message; of an only one that could be called."""
    offers = [offer for offer in now.offers if offer.name in now.tools]
    calls = [(offer, args) for offer in offers if (args := _arguments(offer.schema, now.message)) is not None]
    scores = {offer.name: _score(offer, args, now.message) for offer, args in calls}
    best = max(calls, key=lambda call: scores[call[0].name], default=None)
    if best is None or (len(offers) > 1 and not scores[best[0].name]):
        return None
    return Call(best[0].name, best[1])


def _score(offer: Offer, args: Mapping[str, Any], message: str) -> int:
    told = [value for value in args.values() if value != message]
    return len(told) + len(_words(f"{offer.name} {offer.description}") & _words(message))


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[\W_]+", text.lower()) if len(word) >= LEAST_LETTERS}


def _arguments(schema: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """Return what a schema requires, as far as it can be found in a text; None when something cannot."""
    required = {name: schema["properties"][name] for name in schema.get("required", ())}
    found = {name: _value(each, text) for name, each in required.items()}
    return None if None in found.values() else found


def _value(schema: Mapping[str, Any], text: str) -> Any:
    match schema:
        case {"enum": [*values]}:
            return next((value for value in values if str(value).lower() in _words(text)), None)
        case {"type": "integer" | "number" as kind}:
            number = NUMBER.search(text)
            return number and (int(float(number[0])) if kind == "integer" else float(number[0]))
        case {"type": "string", "pattern": str(pattern)}:
            part = re.search(pattern.removeprefix("^").removesuffix("$"), text)
            return part and part[0]
        case {"type": "string"}:
            return text
        case _:
            return None
