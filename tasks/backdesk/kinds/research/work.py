"""What a report is made of so far. All of it follows from the ledger: each attempt puts it together anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from backdesk.agents import Consulted
from backdesk.agents.attached import Attached
from backdesk.kinds.research.contract import (
    Answered,
    NumberedNote,
    Plan,
    ReadingResult,
    ResearchRequest,
    SectionPlan,
    SectionRequest,
    SectionResult,
    SourceFound,
    Topic,
)
from backdesk.worker.failure import Failure
from backdesk.worker.model.blob import BlobRef


@dataclass(slots=True)
class Reading:
    """A source that was read, or could not be."""

    source: SourceFound
    result: ReadingResult | None = None
    problem: str = ""


@dataclass(slots=True)
class Work:
    """A report in the making."""

    request: ResearchRequest
    language: str
    #: The files of the request.
    files: tuple[Attached, ...] = ()
    plan: Plan | None = None
    #: The topics, by digest, for which sources were read.
    researched: set[str] = field(default_factory=set)
    #: In the order in which they were read; a source may be read again for a topic that came later.
    readings: list[Reading] = field(default_factory=list)
    notes: list[NumberedNote] = field(default_factory=list)
    outline: list[SectionPlan] = field(default_factory=list)
    #: By the digest of what was asked for; None where it could not be written.
    drafts: dict[str, SectionResult | None] = field(default_factory=dict)
    #: What the agents of this job itself were asked.
    answers: list[Consulted[Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    steered: list[str] = field(default_factory=list)
    #: The jobs whose messages were taken.
    heard: list[str] = field(default_factory=list)
    #: Why it ends before all is done.
    ended_by: Failure | None = None

    @property
    def planned(self) -> Plan:
        """The plan. Raises LookupError while there is none."""
        if self.plan is None:
            raise LookupError("nothing is planned yet")
        return self.plan

    @property
    def new_topics(self) -> list[Topic]:
        """The topics that are planned and not looked into."""
        return [each for each in self.planned.topics if digest(each) not in self.researched]

    @property
    def usable(self) -> list[NumberedNote]:
        """The notes on what is planned still."""
        titles = {each.title for each in self.planned.topics}
        return [note for note in self.notes if note.topic in titles]

    @property
    def sources(self) -> list[SourceFound]:
        """The sources that were read, in their order, each once: a note's `source` counts in these from 1."""
        return [*{each.result.source.name: each.result.source for each in self.readings if each.result}.values()]

    @property
    def texts(self) -> list[BlobRef | None]:
        """Where the texts of the sources are kept, in the order of those."""
        read = [each.result for each in reversed(self.readings) if each.result]
        of_source = {each.source.name: each.text for each in read}
        return [of_source[each.name] for each in self.sources]

    @property
    def most_sections(self) -> int:
        """How many sections there may be: what the reader has added comes on top."""
        asked = self.request.sections
        return max(asked, len(self.planned.topics)) if self.steered else asked

    def has_read(self, reading: Reading) -> None:
        """Take what came of a reading; what was noted for the same topic before is left out."""
        self.readings.append(reading)
        if (found := reading.result) is None:
            return
        number = [each.name for each in self.sources].index(found.source.name) + 1
        known = {(note.topic, note.source, note.start) for note in self.notes}
        of_source = {"source": number, "source_title": found.source.title, "published": found.source.published}
        for note in found.notes:
            if (note.topic, number, note.start) not in known:
                self.notes.append(NumberedNote(**note.model_dump(), number=len(self.notes) + 1, **of_source))

    def request_of(self, section: SectionPlan) -> SectionRequest:
        """Return by what a section is written."""
        return SectionRequest(
            question=self.request.message,
            title=section.title,
            aim=section.aim,
            notes=[self.notes[number - 1] for number in section.notes],
            language=self.language,
            unsupported=self.request.unsupported,
        )

    def draft_of(self, section: SectionPlan) -> SectionResult | None:
        """Return a section as it was written, None for one that was not."""
        return self.drafts.get(digest(self.request_of(section)))

    @property
    def parts(self) -> list[Answered]:
        """What the parts of the work have answered, those of the jobs that were called among them."""
        own = [
            Answered(usage=each.usage, model=each.model, offline=each.offline, by_rules=each.by_rules)
            for each in self.answers
        ]
        drafts = [each for each in self.drafts.values() if each]
        return [*own, *(each.result for each in self.readings if each.result), *drafts]


def digest(*values: BaseModel | str | Sequence[str]) -> str:
    """Return what names a part of the work by what it is about."""
    written = "\0".join(each.model_dump_json() if isinstance(each, BaseModel) else repr(each) for each in values)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:24]
