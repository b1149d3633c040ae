"""The agents of a report, and by what each of them answers. None has tools: what they write is all that they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from backdesk.agents import Agent
from backdesk.kinds.research.contract import MOST_SECTIONS, Plan

PROMPTS = Path(__file__).with_name("prompts")

#: A sentence as a model writes it; what is longer is none.
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_200)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class NoteTaken(BaseModel):
    """What the source says to a topic."""

    topic: Short
    says: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=800)]
    quote: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=800)]


class NotesTaken(BaseModel):
    """Give the notes that you have taken."""

    notes: list[NoteTaken] = Field(max_length=40)


class SectionMade(BaseModel):
    """A section of the outline."""

    title: Short
    aim: Short
    notes: list[int] = Field(max_length=200)


class OutlineMade(BaseModel):
    """Give the outline."""

    sections: list[SectionMade] = Field(max_length=4 * MOST_SECTIONS)


class SentenceWritten(BaseModel):
    """A sentence, and the numbers of the notes that say so."""

    text: Sentence
    notes: list[int] = Field(max_length=30)


class ParagraphWritten(BaseModel):
    """Sentences that belong together."""

    sentences: list[SentenceWritten] = Field(max_length=40)


class SectionWritten(BaseModel):
    """Give the section."""

    paragraphs: list[ParagraphWritten] = Field(max_length=40)


class SentenceMended(SentenceWritten):
    """A sentence that was written again; `number` is that of the one in whose place it stands."""

    number: int


class SectionMended(BaseModel):
    """Give the sentences that could be mended."""

    sentences: list[SentenceMended] = Field(max_length=200)


class PlanChanged(BaseModel):
    """Give the plan as it is now, and say what you have understood."""

    understood: Short
    plan: Plan


PLANNER = Agent("planner", PROMPTS / "planner.md", duty="Planning the report", output=Plan)
READER = Agent("reader", PROMPTS / "reader.md", duty="Reading a source", output=NotesTaken, temperature=0)
OUTLINER = Agent("outliner", PROMPTS / "outliner.md", duty="Outlining the report", output=OutlineMade)
WRITER = Agent("writer", PROMPTS / "writer.md", duty="Writing a section", output=SectionWritten)
MENDER = Agent("mender", PROMPTS / "mender.md", duty="Mending sentences", output=SectionMended, temperature=0)
STEERER = Agent("steerer", PROMPTS / "steerer.md", duty="Changing the plan", output=PlanChanged, temperature=0)
