"""The reading of one source for some topics: what it says is noted with its own words.

The text stays here: what goes on are notes, each with a quotation that code has found in the text, and by what the same
text is read again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence

from backdesk.agents import Consultation
from backdesk.kinds.research.agents import READER, NoteTaken
from backdesk.kinds.research.contract import Note, ReadingRequest, ReadingResult
from backdesk.kinds.research.passages import Passage, passages_of, readable
from backdesk.kinds.research.quotations import Quotable, wording_of
from backdesk.kinds.research.rules import notes_by_rules
from backdesk.kinds.research.sources import SourceText, kept, sources_of
from backdesk.worker.attempt.context import TaskContext

#: How many passages that address models are told of.
MOST_SUSPICIOUS = 5


async def read(ctx: TaskContext, request: ReadingRequest) -> ReadingResult:
    """Read a source for topics, and note what it says to them in its own words."""
    found = await sources_of(ctx, request.source.where).read(request.source)
    text = await ctx.step("kept", kept, ctx, found)
    questions = [f"{each.question} {' '.join(each.queries)}" for each in request.topics]
    # In a thread, as what follows on the answer: for a long text that takes tenths of a second.
    passages, suspicious = await asyncio.to_thread(lambda: readable(passages_of(found.text), questions))
    consultation = Consultation(ctx, keeps_requests=False)
    taken = await consultation.ask(
        READER, _shown(request, found, passages), key="read", rules=lambda: notes_by_rules(request, passages)
    )
    titles = [each.title for each in request.topics]
    notes, misquoted = await asyncio.to_thread(checked, taken.output.notes, passages, titles)
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
    """Return the notes whose quotations stand in what was given, with where, and how many do not."""
    notes: dict[tuple[str, int], Note] = {}
    known, missed = [(each.start, Quotable(each.text)) for each in passages], 0
    for each in taken:
        topic = next((title for title in topics if title.casefold() == each.topic.casefold()), None)
        place = _place(each.quote, known)
        missed += place is None
        if topic is not None and place is not None:
            start, end = place
            notes.setdefault((topic, start), Note(topic=topic, says=each.says, quote=each.quote, start=start, end=end))
    return [*notes.values()], missed


def _place(quote: str, passages: Iterable[tuple[int, Quotable]]) -> tuple[int, int] | None:
    if (words := wording_of(quote)) is None:
        return None
    found = ((start, text.place_of(words)) for start, text in passages)
    return next(((start + place[0], start + place[1]) for start, place in found if place is not None), None)


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
