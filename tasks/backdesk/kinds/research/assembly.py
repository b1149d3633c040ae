"""From sections to what the caller gets: the report as Markdown and as a PDF, its sources, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backdesk.agents.contract import ModelUsage
from backdesk.agents.phrases import Phrases
from backdesk.kinds.research.contract import (
    CheckedSentence,
    CitationCheck,
    Disagreement,
    NumberedNote,
    ReportSource,
    SectionPlan,
    SourceFound,
)
from backdesk.kinds.research.disagreements import disagreements_in
from backdesk.kinds.research.document import Block, Cited, Document, ListedSource
from backdesk.kinds.research.verification import standing
from backdesk.kinds.research.work import Work

PHRASES = Phrases(Path(__file__).with_name("phrases.toml"))
#: How many sentences the report has in short.
MOST_KEY_POINTS = 5

Sections = Sequence[tuple[SectionPlan, list[CheckedSentence]]]


@dataclass(slots=True)
class Assembly:
    """A report as it is put together."""

    work: Work
    sections: Sections
    #: Notes that may disagree, of those that the sections were written by.
    disagreements: Sequence[tuple[NumberedNote, NumberedNote]] = field(init=False)
    #: The numbers of the sources in the report, by their place among those that were read.
    _numbers: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        """Number the sources in the order in which the report cites them. Of hundreds of notes it takes a while."""
        used = dict.fromkeys(number for section, _ in self.sections for number in section.notes)
        self.disagreements = disagreements_in([self.work.notes[number - 1] for number in used])
        cited = (self.work.notes[at - 1].source for _, each in self._standing for s in each for at in s.notes)
        more = (note.source for pair in self.disagreements for note in pair)
        self._numbers = {source: number for number, source in enumerate(dict.fromkeys([*cited, *more]), 1)}

    @property
    def _standing(self) -> list[tuple[SectionPlan, list[CheckedSentence]]]:
        sections = ((section, [*standing(sentences)]) for section, sentences in self.sections)
        return [(section, sentences) for section, sentences in sections if sentences]

    @property
    def document(self) -> Document:
        """The report as it is laid out."""
        return Document(
            title=self.work.planned.title,
            about=[*self._about()],
            language=self.work.language,
            blocks=[*self._blocks()],
            sources_heading=self._say("sources"),
            sources=[self._listed(at, number) for at, number in self._numbers.items()],
            mark=self._say("unverified"),
        )

    @property
    def key_points(self) -> list[Cited]:
        """The first sentence of each section that passed its checks."""
        firsts = (next((each for each in its if each.outcome != "marked"), None) for _, its in self._standing)
        return [self._cited(each) for each in firsts if each is not None][:MOST_KEY_POINTS]

    @property
    def answer(self) -> str:
        """The report in a few sentences."""
        points = self.key_points
        said = " ".join(f"{each.text} {''.join(f'[{number}]' for number in each.sources)}" for each in points)
        return said or self._say("nothing")

    @property
    def not_found(self) -> list[str]:
        """What was looked for or meant to be written, and is not in the report."""
        noted = {note.topic for note in self.work.usable}
        topics = [f"{each.title}: {each.question}" for each in self.work.planned.topics if each.title not in noted]
        there = {section.title for section, _ in self._standing}
        empty = [f"{section.title}: no sentence passed its checks" for section, _ in self.sections]
        return [*topics, *(each for each in empty if each.rpartition(": ")[0] not in there)]

    @property
    def problems(self) -> list[str]:
        """What went wrong, in words."""
        work, found = self.work, [*self.work.problems]
        if work.ended_by is not None:
            found.insert(0, f"The report ends before all was done: {work.ended_by.message}")
        found += [f"“{each.source.title}” was not read: {each.problem}" for each in work.readings if each.problem]
        for each in (reading.result for reading in work.readings if reading.result):
            if each.suspicious:
                found.append(f"“{each.source.title}” has passages that address a model; they were left out.")
            if each.misquoted:
                found.append(f"“{each.source.title}”: {each.misquoted} notes were left out that do not stand in it.")
            if each.by_rules:
                found.append(f"Rules read “{each.source.title}”: the model did not answer as it was asked to.")
        return [*dict.fromkeys(found)]

    @property
    def checks(self) -> list[CitationCheck]:
        """What became of each sentence; a source that the report does not have in its list has no number."""
        return [
            CitationCheck(
                section=section.title,
                sentence=each.text,
                sources=self._sources_of(each),
                supported=each.outcome in ("supported", "rewritten"),
                outcome=each.outcome,
                faults=each.faults,
            )
            for section, sentences in self.sections
            for each in sentences
        ]

    @property
    def sources(self) -> list[ReportSource]:
        """The sources that were looked at, those that the report cites first."""
        known = [self._source(at, source) for at, source in enumerate(self.work.sources, 1)]
        read = {each.name for each in self.work.sources}
        failed = {
            each.source.name: each for each in self.work.readings if each.problem and each.source.name not in read
        }
        unread = [_reported(each.source, problem=each.problem) for each in failed.values()]
        return [*sorted(known, key=lambda each: each.number or len(known) + 1), *unread]

    @property
    def told_disagreements(self) -> list[Disagreement]:
        """The disagreements, by the numbers of the sources."""
        return [
            Disagreement(sources=[self._numbers[each.source] for each in pair], says=[each.quote for each in pair])
            for pair in self.disagreements
        ]

    @property
    def usage(self) -> ModelUsage:
        """What all parts of the work have taken."""
        parts = [each.usage for each in self.work.parts]
        costs = [each.cost_usd for each in parts]
        known = [each for each in costs if each is not None]
        return ModelUsage(
            requests=sum(each.requests for each in parts),
            input_tokens=sum(each.input_tokens for each in parts),
            output_tokens=sum(each.output_tokens for each in parts),
            cost_usd=round(sum(known), 9) if len(known) == len(costs) else None,
        )

    # --- blocks ---

    def _about(self) -> Iterator[str]:
        yield self._say("question", question=self.work.request.message)
        if any(each.where == "corpus" for each in self.work.sources):
            yield self._say("sample")

    def _blocks(self) -> Iterator[Block]:
        if self.key_points:
            yield Block(heading=self._say("key_points"), items=self.key_points)
        for section, sentences in self._standing:
            yield Block(heading=section.title, paragraphs=[*self._paragraphs(sentences)])
        if told := self.told_disagreements:
            items = [Cited(text=" — ".join(each.says), sources=each.sources) for each in told]
            yield Block(heading=self._say("disagreements"), items=items)
        if missing := self.not_found:
            yield Block(heading=self._say("not_found"), items=[Cited(text=each) for each in missing])
        lines = [self._counts(), self._say("checked"), *self.problems]
        yield Block(heading=self._say("made"), items=[Cited(text=each) for each in lines])

    def _paragraphs(self, sentences: Sequence[CheckedSentence]) -> Iterator[list[Cited]]:
        for number in dict.fromkeys(each.paragraph for each in sentences):
            yield [self._cited(each) for each in sentences if each.paragraph == number]

    def _counts(self) -> str:
        outcomes = [each.outcome for each in self.checks]
        dropped, marked = outcomes.count("dropped"), outcomes.count("marked")
        read, cited = len(self.work.sources), sum(each.cited for each in self.sources)
        kept = len(outcomes) - dropped - marked
        return self._say("counts", read=read, cited=cited, kept=kept, dropped=dropped, marked=marked)

    def _cited(self, sentence: CheckedSentence) -> Cited:
        return Cited(text=sentence.text, sources=self._sources_of(sentence), marked=sentence.outcome == "marked")

    def _sources_of(self, sentence: CheckedSentence) -> list[int]:
        sources = dict.fromkeys(self.work.notes[number - 1].source for number in sentence.notes)
        return [self._numbers[each] for each in sources if each in self._numbers]

    def _listed(self, at: int, number: int) -> ListedSource:
        source = self.work.sources[at - 1]
        told = ", ".join(filter(None, (source.publisher, source.published)))
        address = source.id if source.where == "web" else ""
        return ListedSource(number=number, text=f"{source.title}{f' ({told})' if told else ''}", address=address)

    def _source(self, at: int, source: SourceFound) -> ReportSource:
        notes = sum(note.source == at for note in self.work.notes)
        results = [each.result for each in self.work.readings if each.result and each.result.source.name == source.name]
        strange = (
            "it has passages that address a model; they were left out"
            if any(each.suspicious for each in results)
            else ""
        )
        return _reported(source, number=self._numbers.get(at), notes=notes, problem=strange)

    def _say(self, name: str, **facts: object) -> str:
        return PHRASES.say(name, self.work.language, **facts)


def _reported(source: SourceFound, *, number: int | None = None, notes: int = 0, problem: str = "") -> ReportSource:
    known = source.model_dump(include={"title", "id", "where", "publisher", "published"})
    return ReportSource(**known, number=number, cited=number is not None, notes=notes, problem=problem)
