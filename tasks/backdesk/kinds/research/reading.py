"""The kind `research.reading`: one source is read for some topics, and what it says is noted with its own words.

The text stays here: what goes on are notes, each with a quotation that code has found in the text, and by what the same
text is read again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from backdesk.agents import Consultation
from backdesk.agents.kind import RETRY
from backdesk.kinds.research.agents import READER, NoteTaken
from backdesk.kinds.research.contract import Note, ReadingRequest, ReadingResult
from backdesk.kinds.research.passages import Passage, passages_of, readable
from backdesk.kinds.research.quotations import place_of
from backdesk.kinds.research.rules import notes_by_rules
from backdesk.kinds.research.sources import SourceText, kept, sources_of
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task

#: How many passages that address models are told of.
MOST_SUSPICIOUS = 5


@task("research.reading", retry=RETRY, timeout=600)
async def research_reading(ctx: TaskContext, request: ReadingRequest) -> ReadingResult:
    """Read a source for topics, and note what it says to them in its own words."""
    found = await sources_of(ctx, request.source.where).read(request.source)
    text = await ctx.step("kept", kept, ctx, found)
    questions = [f"{each.question} {' '.join(each.queries)}" for each in request.topics]
    passages, suspicious = readable(passages_of(found.text), questions)
    consultation = Consultation(ctx, keeps_requests=False)
    taken = await consultation.ask(
        READER, _shown(request, found, passages), key="read", rules=lambda: notes_by_rules(request, passages)
    )
    notes, misquoted = checked(taken.output.notes, passages, [each.title for each in request.topics])
    return ReadingResult(
        source=found.source,
        text=text,
        characters=len(found.text),
        notes=notes[: request.most_notes],
        misquoted=misquoted,
        suspicious=[each[:300] for each in suspicious[:MOST_SUSPICIOUS]],
        usage=taken.usage,
        model=taken.model,
        offline=taken.offline,
        by_rules=taken.by_rules,
    )


def checked(taken: Sequence[NoteTaken], passages: Sequence[Passage], topics: Sequence[str]) -> tuple[list[Note], int]:
    """Return the notes whose quotations stand in what was given, with where, and how many did not or had no topic."""
    notes: dict[tuple[str, int], Note] = {}
    for each in taken:
        topic = next((title for title in topics if title.casefold() == each.topic.casefold()), None)
        place = _place(each.quote, passages)
        if topic is not None and place is not None:
            start, end = place
            notes.setdefault((topic, start), Note(topic=topic, says=each.says, quote=each.quote, start=start, end=end))
    missed = sum(_place(each.quote, passages) is None for each in taken)
    return [*notes.values()], missed


def _place(quote: str, passages: Sequence[Passage]) -> tuple[int, int] | None:
    for passage in passages:
        if (place := place_of(quote, passage.text)) is not None:
            return passage.start + place[0], passage.start + place[1]
    return None


def _shown(request: ReadingRequest, found: SourceText, passages: Sequence[Passage]) -> str:
    source = found.source
    shown = {
        "language": request.language,
        "most_notes": request.most_notes,
        "topics": [{"title": each.title, "question": each.question} for each in request.topics],
        "source": {"title": source.title, "publisher": source.publisher, "published": source.published},
        "passages": [each.text for each in passages],
    }
    return json.dumps(shown, ensure_ascii=False)
