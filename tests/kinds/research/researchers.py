"""Models that research: an honest one, by which a report comes about, and ways to have it do otherwise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from backdesk.agents import Reply, Say, Situation
from backdesk.kinds.research.agents import (
    NotesTaken,
    NoteTaken,
    OutlineMade,
    ParagraphWritten,
    PlanChanged,
    SectionMade,
    SectionMended,
    SectionWritten,
    SentenceMended,
    SentenceWritten,
)
from backdesk.kinds.research.contract import Plan, Topic
from backdesk.kinds.research.passages import Passage, sentences_in
from backdesk.kinds.research.rules import plan_changed_by_rules
from backdesk.testing import Fail

Act = Callable[[dict[str, Any]], Reply | Fail]
QUESTION = "How long do brinecells last?"
REQUEST = {"message": QUESTION, "sections": 1, "depth": "quick"}
#: How the prompt of each agent begins.
BEGINNINGS = {
    "You plan": "planner",
    "You take notes": "reader",
    "You outline": "outliner",
    "You write": "writer",
    "You mend": "mender",
    "You change": "steerer",
}


def agent_of(now: Situation) -> str:
    return next(name for begins, name in BEGINNINGS.items() if now.instructions.startswith(begins))


class Researcher:
    """A model that does what each agent is told, but for those that a test has do otherwise."""

    def __init__(self, **instead: Act) -> None:
        self._instead = instead
        #: How often each agent was asked.
        self.asked: Counter[str] = Counter()
        #: What they were given.
        self.given: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, now: Situation) -> Reply | Fail:
        name, given = agent_of(now), json.loads(now.message)
        self.asked[name] += 1
        self.given.append((name, given))
        return self._instead.get(name, HONEST[name])(given)

    def given_to(self, name: str) -> list[dict[str, Any]]:
        return [given for each, given in self.given if each == name]


def plan(given: dict[str, Any]) -> Reply:
    topics = [
        Topic(title="Life", question="How many cycles do they last?", queries=["brinecells capacity full cycles"]),
        Topic(title="Cost", question="What do they cost?", queries=["brinecell costs crowns kWh"]),
    ]
    return Say(Plan(title="The life of brinecells", topics=topics[: given["most_topics"]]))


def take_notes(given: dict[str, Any]) -> Reply:
    sentences = [each for text in given["passages"] for each in sentences_in(Passage(text, 0)) if "cycle" in each]
    topic = given["topics"][0]["title"]
    return Say(NotesTaken(notes=[NoteTaken(topic=topic, says=each, quote=each) for each in sentences[:2]]))


def outline(given: dict[str, Any]) -> Reply:
    titles = dict.fromkeys(note["topic"] for note in given["notes"])
    sections = [
        SectionMade(title=each, aim=f"About {each}", notes=[n["number"] for n in given["notes"] if n["topic"] == each])
        for each in titles
    ]
    return Say(OutlineMade(sections=sections))


def write(given: dict[str, Any]) -> Reply:
    return written(*((each["quotation"], [each["number"]]) for each in given["notes"]))


def written(*sentences: tuple[str, list[int]]) -> Reply:
    made = [SentenceWritten(text=text, notes=notes) for text, notes in sentences]
    return Say(SectionWritten(paragraphs=[ParagraphWritten(sentences=made)]))


def mend(given: dict[str, Any]) -> Reply:
    note = given["notes"][0]
    first = given["sentences"][0]["number"]
    return Say(SectionMended(sentences=[SentenceMended(number=first, text=note["quotation"], notes=[note["number"]])]))


def change(given: dict[str, Any]) -> Reply:
    before = Plan.model_validate(given["plan"])
    made: PlanChanged = plan_changed_by_rules(before, given["asked"])
    return Say(made)


HONEST: dict[str, Act] = {
    "planner": plan,
    "reader": take_notes,
    "outliner": outline,
    "writer": write,
    "mender": mend,
    "steerer": change,
}
