"""The last check of a report: the sentences that stand in it, against the texts of their sources, read again.

A section was checked when it was written, against its notes. Here each note is looked for in the text that it was taken
from, where it is said to stand; a sentence whose notes do not stand there any more goes out, or is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from backdesk.kinds.research.contract import (
    CheckedSentence,
    NumberedNote,
    SectionPlan,
    SectionRequest,
    SectionResult,
)
from backdesk.kinds.research.quotations import place_of
from backdesk.kinds.research.rules import section_by_rules
from backdesk.kinds.research.sources import read_again
from backdesk.kinds.research.work import Work, digest
from backdesk.kinds.research.writing import checked
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect

GONE = "the quotation of note {number} does not stand in its source"


async def verified(ctx: TaskContext, work: Work, under: str) -> list[tuple[SectionPlan, list[CheckedSentence]]]:
    """Return the sections with their sentences; each source that they cite is read again."""
    sections = [(each, _sentences(work, each)) for each in work.outline]
    cited = {number for _, sentences in sections for each in sentences for number in each.notes}
    gone = await _gone(ctx, work, under, [work.notes[number - 1] for number in sorted(cited)])
    return [(section, [_settled(each, gone, work) for each in sentences]) for section, sentences in sections]


def _sentences(work: Work, section: SectionPlan) -> list[CheckedSentence]:
    """Return what was written; for a section that was not, quotations of its notes."""
    written = work.draft_of(section)
    return written.sentences if written else quotations(work.request_of(section)).sentences


def quotations(request: SectionRequest) -> SectionResult:
    """Return a section of quotations, which asks nobody for anything."""
    return SectionResult(sentences=checked(section_by_rules(request), request.notes))


async def _gone(ctx: TaskContext, work: Work, under: str, cited: Sequence[NumberedNote]) -> dict[int, str]:
    """Return the notes that do not stand in their source, with why."""
    key = f"{under}/verify/{digest(*cited)}"
    missing: list[int] = await ctx.step(key, partial(_missing, ctx, work, cited), effect=Effect.PURE)
    return {number: GONE.format(number=number) for number in missing}


async def _missing(ctx: TaskContext, work: Work, cited: Sequence[NumberedNote]) -> list[int]:
    missing = []
    for source in dict.fromkeys(note.source for note in cited):
        text = await read_again(ctx, work.sources[source - 1], work.texts[source - 1])
        of_it = (note for note in cited if note.source == source)
        missing += [note.number for note in of_it if text is None or not _stands(note, text)]
    return missing


def _stands(note: NumberedNote, text: str) -> bool:
    return place_of(note.quote, text[note.start : note.end]) is not None


def _settled(sentence: CheckedSentence, gone: Mapping[int, str], work: Work) -> CheckedSentence:
    faults = [gone[number] for number in sentence.notes if number in gone]
    if not faults or sentence.outcome == "dropped":
        return sentence
    last = "dropped" if work.request.unsupported == "drop" else "marked"
    return sentence.model_copy(update={"outcome": last, "faults": [*sentence.faults, *faults]})


def standing(sentences: Iterable[CheckedSentence]) -> Iterator[CheckedSentence]:
    """Yield the sentences that the report has."""
    yield from (each for each in sentences if each.outcome != "dropped")
