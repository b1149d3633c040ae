"""What the agents of a report do without a model: they choose and quote, and write nothing of their own.

It is what a report is made of where no model is configured, and what stands in for an answer that is of no use.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from backdesk.kinds.research.agents import (
    NotesTaken,
    NoteTaken,
    OutlineMade,
    ParagraphWritten,
    PlanChanged,
    SectionMade,
    SectionMended,
    SectionWritten,
    SentenceWritten,
)
from backdesk.kinds.research.contract import MOST_SECTIONS, NumberedNote, Plan, ReadingRequest, SectionRequest, Topic
from backdesk.kinds.research.passages import Passage, sentences_in
from backdesk.kinds.research.ranking import Index
from backdesk.quality.language import language_of
from backdesk.service.knowledge.terms import asked_in, words_of

#: What may be asked of anything, and the words by which it is found.
FACETS = {
    "Cost": "price cost crowns subsidy cheaper",
    "Life and reliability": "cycles ageing capacity warranty years available failure",
    "Safety": "fire leak safety risk toxic damage",
    "Performance": "efficiency energy stores temperature response power",
    "Environment": "recycled water carbon dioxide environment material",
    "Experience": "survey households council households island municipal users",
    "Market": "factory market sold price expects share",
}
#: Of one source, notes for one topic.
MOST_OF_TOPIC = 3
#: How long a section of quotations is at most, in sentences, and how many one source has in it.
MOST_SENTENCES, MOST_OF_SOURCE = 8, 2
#: Quotation marks, as they are within others.
_WITHIN = str.maketrans({"\u201c": "\u2018", "\u201d": "\u2019"})
_ADD = re.compile(
    r"\b(?:add|include|also cover|also look at)\b(?:\s+(?:a|another|one more))?(?:\s+section)?"
    r"(?:\s+(?:about|on|for))?\s+(.+)",
    re.IGNORECASE,
)
_LEAVE = re.compile(
    r"\b(?:leave out|leave off|without|skip|drop|remove|no need for)\b\s+(?:the\s+)?(?:section\s+)?"
    r"(?:(?:about|on)\s+)?(.+)",
    re.IGNORECASE,
)


def plan_by_rules(question: str, most: int) -> Plan:
    """Return a plan that asks what may be asked of anything, after the question itself."""
    subject = " ".join([*asked_in(question)][:4]) or question[:80]
    title = question.strip().rstrip("?.!")[:120].strip() or subject
    first = Topic(title="The question itself", question=question[:300], queries=[question[:300]])
    facets = [
        Topic(title=name, question=f"{name}: {question}"[:300], queries=[f"{subject} {words}"[:300]])
        for name, words in FACETS.items()
    ]
    return Plan(title=f"{title[0].upper()}{title[1:]}", topics=[first, *facets][:most])


def notes_by_rules(request: ReadingRequest, passages: Sequence[Passage]) -> NotesTaken:
    """Return the sentences that fit the topics, each for the one that it fits best."""
    sentences = [each for passage in passages for each in sentences_in(passage) if 20 <= len(each) <= 700]
    # What the whole source is about, a sentence need not say again.
    index = Index([(request.source.title, each) for each in sentences])
    best: dict[int, tuple[int, str]] = {}
    for topic in request.topics:
        asked = " ".join((topic.question, *topic.queries))
        for place, at in enumerate(index.ranked(asked)[: MOST_OF_TOPIC * 2]):
            if at not in best or place < best[at][0]:
                best[at] = (place, topic.title)
    taken: dict[str, list[int]] = defaultdict(list)
    for at, (_, title) in sorted(best.items(), key=lambda each: (each[1][0], each[0])):
        if len(taken[title]) < MOST_OF_TOPIC:
            taken[title].append(at)
    chosen = sorted((at, title) for title, numbers in taken.items() for at in numbers)
    return NotesTaken(notes=[NoteTaken(topic=title, says=sentences[at], quote=sentences[at]) for at, title in chosen])


def outline_by_rules(plan: Plan, notes: Sequence[NumberedNote], most: int) -> OutlineMade:
    """Return a section for each topic that has notes; what was noted for several stands in that of the last."""
    order = [each.title for each in plan.topics]
    owner: dict[tuple[int, int], NumberedNote] = {}
    for note in sorted((each for each in notes if each.topic in order), key=lambda each: order.index(each.topic)):
        owner[note.source, note.start] = note
    of_topic: dict[str, list[int]] = {title: [] for title in order}
    for note in notes:
        if owner.get((note.source, note.start)) is note:
            of_topic[note.topic].append(note.number)
    sections = [
        SectionMade(title=each.title, aim=each.question, notes=of_topic[each.title])
        for each in plan.topics
        if of_topic[each.title]
    ]
    return OutlineMade(sections=sections[:most])


def section_by_rules(request: SectionRequest) -> SectionWritten:
    """Return the quotations of the notes, a paragraph for each source."""
    paragraphs: dict[int, list[SentenceWritten]] = defaultdict(list)
    for note in [*_of_each_source(request.notes)][:MOST_SENTENCES]:
        quote = " ".join(note.quote.split()).translate(_WITHIN)
        paragraphs[note.source].append(SentenceWritten(text=f"“{quote}”", notes=[note.number]))
    return SectionWritten(paragraphs=[ParagraphWritten(sentences=each) for each in paragraphs.values()])


def _of_each_source(notes: Sequence[NumberedNote]) -> Iterator[NumberedNote]:
    """Yield notes in their order, but not more than a few of one source."""
    taken: defaultdict[int, int] = defaultdict(int)
    for note in notes:
        taken[note.source] += 1
        if taken[note.source] <= MOST_OF_SOURCE:
            yield note


def no_mending() -> SectionMended:
    """Return nothing: rules do not write."""
    return SectionMended(sentences=[])


def plan_changed_by_rules(plan: Plan, message: str) -> PlanChanged:
    """Return the plan without what a message leaves out, and with what it adds; as it is when neither is said."""
    if (left := _LEAVE.search(message)) is not None:
        unwanted = {*words_of(left[1])}
        stay = [each for each in plan.topics if not unwanted & {*words_of(each.title)}]
        if stay and len(stay) < len(plan.topics):
            out = ", ".join(each.title for each in plan.topics if each not in stay)
            return PlanChanged(understood=f"Left out: {out}"[:300], plan=Plan(title=plan.title, topics=stay))
    if (added := _ADD.search(message)) is not None and len(plan.topics) < MOST_SECTIONS:
        about = added[1].strip().rstrip(".!?")[:120]
        subject = " ".join([*asked_in(plan.topics[0].question)][:8])
        new = Topic(
            title=about[0].upper() + about[1:],
            question=f"{about}: {plan.title}"[:300],
            queries=[f"{subject} {about}"[:300]],
        )
        return PlanChanged(understood=f"Added: {about}", plan=Plan(title=plan.title, topics=[*plan.topics, new]))
    return PlanChanged(understood=f"Nothing that the rules understand: {message}"[:300], plan=plan)


def language_for(question: str, wanted: str | None) -> str:
    """Return the language of a report."""
    return wanted or language_of(question) or "en"
