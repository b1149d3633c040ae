"""A conversation that a person has taken over: its agents are silent until it is handed back.

That it is so is a fact of its last turn, which each turn carries on until a person's turn leaves it out. So it is known
with what was said, in its order, and costs no look anywhere else.
"""

from __future__ import annotations

from typing import Any

from backdesk.agents import rating
from backdesk.agents.proposals.showing import SHOWS
from backdesk.agents.runtime import note_of_deployment, words_of_colleague
from backdesk.worker.memory.conversation import Conversation

#: The fact: an object with the `case`, `by` whom it was taken, and the job that `tells` them of a message, by its
#: `kind` and `request`.
FACT = "with_person"
#: Who answers then, as a path of agents has it.
PERSON = "person"


def held(case: str, by: str | None, kind: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a conversation that a person has, and of the job that tells them of each message."""
    return {FACT: {"case": case, "by": by, "tells": {"kind": kind, "request": request}}}


def is_with_person(past: Conversation) -> bool:
    """Whether a person has the conversation."""
    return bool(past.facts.get(FACT))


def carried(past: Conversation) -> dict[str, Any]:
    """Return the facts that a person's turn carries on: what agents know, but nothing that waits for an answer."""
    return {name: fact for name, fact in past.facts.items() if name not in {FACT, SHOWS, rating.FACT}}


def person_says(by: str, text: str) -> list[Any]:
    """Return the messages of a turn in which a person answers the customer, as agents see it later."""
    return words_of_colleague(by, text)


def note_to_agents(text: str) -> list[Any]:
    """Return the messages of a turn that tells the agents something, and the customer nothing."""
    return note_of_deployment(text)
