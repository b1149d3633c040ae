"""The kind `research.report`, and those that do parts of its work: `research.reading`, `.section` and `.render`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from backdesk.agents.contract import Attachments, MessageRequest, ModelUsage
from backdesk.platform.contract import Contract, KindModels, Message, Reference
from backdesk.worker.model.blob import BlobRef

#: How many topics, and how many sources for each, at most.
Depth = Literal["quick", "standard", "thorough"]
Where = Literal["corpus", "web", "attachments"]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Excerpt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=800)]

MOST_SECTIONS = 12


class ResearchRequest(MessageRequest):
    """A question to report on. What is sent while its report is made (`when_busy="steer"`) changes the plan."""

    message: Message = Field(description="The question; or, to a report that is being made, what to change.")
    sections: int = Field(5, ge=1, le=MOST_SECTIONS, description="Of the report, at most.")
    depth: Depth = Field("standard", description="How many topics are looked into, and how many sources are read.")
    sources: Where = Field("corpus", description="Where to search; `attachments`: nowhere, but in the files alone.")
    attachments: Attachments = Field(default_factory=list)
    language: LanguageCode | None = Field(None, description="Of the report; that of the question when left out.")
    unsupported: Literal["drop", "mark"] = Field(
        "drop", description="What becomes of a sentence that still fails its checks when it was written again."
    )
    pdf: bool = Field(default=True, description="Whether the report is made as a PDF, too.")

    @model_validator(mode="after")
    def _has_sources(self) -> Self:
        if self.sources == "attachments" and not self.attachments:
            raise ValueError("attach the files to read, or search the corpus or the web")
        return self


# --- what goes from stage to stage ---


class Topic(Contract):
    """One side of the question, and what to search for."""

    title: Line
    question: Line
    queries: list[Line] = Field(min_length=1, max_length=4)


class Plan(Contract):
    """What is to be found out."""

    title: Line = Field(description="Of the report.")
    topics: list[Topic] = Field(min_length=1, max_length=MOST_SECTIONS)


class SourceFound(Contract):
    """A source by which its text can be read: the slug of a document, an address, or the id of a file."""

    where: Where
    id: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    title: Line
    publisher: str = Field("", max_length=200)
    published: str = Field("", max_length=40, description="As the source says it.")

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.where}:{self.id}"


class Note(Contract):
    """What a source says to a topic: its own words, with where they stand in its text, and the same in a sentence."""

    topic: Line = Field(description="The title of the topic.")
    says: Excerpt
    quote: Excerpt = Field(description="Word for word.")
    start: int = Field(ge=0, description="Where it begins in the text, in characters.")
    end: int = Field(ge=0)


class NumberedNote(Note):
    """A note of the report: `source` is the number of its source among those that were read."""

    number: int = Field(ge=1)
    source: int = Field(ge=1)
    source_title: Line
    published: str = Field("", max_length=40)


class SectionPlan(Contract):
    """A section before it is written: by which notes, and no others."""

    title: Line
    aim: Line
    notes: list[int] = Field(max_length=60)


class CheckedSentence(Contract):
    """A sentence of a section, the notes that it cites, and what its checks have found."""

    text: Annotated[str, StringConstraints(max_length=1_200)]
    notes: list[int]
    paragraph: int = 1
    outcome: Literal["supported", "rewritten", "marked", "dropped"] = "supported"
    faults: list[str] = Field([], description="Why it was written again, marked or dropped.")


# --- parts of the work ---


class Answered(Contract):
    """What answering took, of whichever part of the work."""

    usage: ModelUsage = ModelUsage()
    model: str = ""
    offline: bool = False
    by_rules: bool = Field(False, description="Whether rules answered for a model that did not answer by its type.")


class ReadingRequest(Contract):
    """Have one source read for some topics, for the kind `research.reading`."""

    source: SourceFound
    topics: list[Topic] = Field(min_length=1, max_length=MOST_SECTIONS)
    language: LanguageCode = "en"
    most_notes: int = Field(8, ge=1, le=20)


class ReadingResult(Answered):
    """What one source says. Every quotation stands in its text; `misquoted` counts those that did not."""

    source: SourceFound
    text: BlobRef | None = Field(description="Where its text is kept as it was read; null where it cannot change.")
    characters: int
    notes: list[Note]
    misquoted: int = 0
    suspicious: list[str] = Field([], description="Passages that address a model, which no model was given.")


class SectionRequest(Contract):
    """Have one section written by some notes, for the kind `research.section`."""

    question: Message
    title: Line
    aim: Line
    notes: list[NumberedNote] = Field(min_length=1, max_length=60)
    language: LanguageCode = "en"
    unsupported: Literal["drop", "mark"] = "drop"


class SectionResult(Answered):
    """A section, sentence by sentence, those that were dropped among them."""

    sentences: list[CheckedSentence]


class RenderRequest(Contract):
    """Have a report made as a PDF, for the kind `research.render`; its text is a file, a `Document` as JSON."""

    document: BlobRef
    name: Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00-\x1f\x7f/\\]+$")] = "report"


class RenderResult(Contract):
    """The PDF, and what of the text its fonts have no letters for."""

    pdf: BlobRef
    unreadable: list[str] = Field([], description="Scripts for which there is no font, such as `CJK`: empty boxes.")


# --- the report ---


class ReportSource(Contract):
    """A source that was looked at. `number` is that of the report's list, null for one that it does not cite."""

    number: int | None
    title: str
    id: str
    where: Where
    publisher: str = ""
    published: str = ""
    cited: bool
    notes: int = 0
    problem: str = Field("", description="Why it could not be read, or what is strange about it.")


class CitationCheck(Contract):
    """A sentence with citations: whether its sources say so, as far as code can tell, and what became of it."""

    section: str
    sentence: str
    sources: list[int]
    supported: bool
    outcome: Literal["supported", "rewritten", "marked", "dropped"]
    faults: list[str] = Field(default_factory=list)


class Disagreement(Contract):
    """Two sources that give different figures for what seems to be the same."""

    sources: list[int]
    says: list[str]


class ResearchResult(Answered):
    """A report, and how far it can be trusted."""

    answer: str = Field(description="The most important sentences, with their citations.")
    report: str | None = Field(description="Markdown; null where it is too long for a result: then read `file`.")
    file: BlobRef | None = Field(description="The report as Markdown; null where it could not be kept.")
    pdf: BlobRef | None
    pdf_unreadable: list[str] = Field([], description="Scripts that are empty boxes in the PDF, such as `CJK`.")
    plan: Plan
    outline: list[SectionPlan]
    sources: list[ReportSource]
    checks: list[CitationCheck]
    disagreements: list[Disagreement] = Field(default_factory=list)
    not_found: list[str] = Field([], description="What was looked for, or meant to be written, and is not there.")
    problems: list[str] = Field([], description="What went wrong on the way, in words.")
    steered: list[str] = Field([], description="What was asked for while the report was made, as it was understood.")
    complete: bool = Field(description="Whether all that was planned was done; `problems` say what was not.")
    conversation_id: Reference


KIND = KindModels("research.report", "agents", ResearchRequest, ResearchResult)
READING = KindModels("research.reading", "agents", ReadingRequest, ReadingResult)
SECTION = KindModels("research.section", "agents", SectionRequest, SectionResult)
RENDER = KindModels("research.render", "tools", RenderRequest, RenderResult)
#: The kinds that do parts of its work.
PARTS = (READING, SECTION, RENDER)
