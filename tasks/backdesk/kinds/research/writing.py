"""The writing of one section: it is written by its notes, checked sentence by sentence, and mended once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial

from backdesk.agents import Consultation
from backdesk.kinds.research.agents import MENDER, WRITER, SectionMended, SectionWritten
from backdesk.kinds.research.checks import faults_of
from backdesk.kinds.research.contract import CheckedSentence, NumberedNote, SectionRequest, SectionResult
from backdesk.kinds.research.rules import no_mending, section_by_rules
from backdesk.worker.attempt.context import TaskContext

#: Sentences of a section, at most; what a model writes beyond is not looked at.
MOST_SENTENCES = 60


async def write(ctx: TaskContext, request: SectionRequest) -> SectionResult:
    """Write a section by its notes; what code finds wrong is written again once, and then dropped or marked."""
    consultation = Consultation(ctx)
    written = await consultation.ask(WRITER, _shown(request), key="write", rules=partial(section_by_rules, request))
    # In a thread, as below: the sentences of a long section take tenths of a second.
    sentences = await asyncio.to_thread(checked, written.output, request.notes)
    if faulty := {at: each for at, each in enumerate(sentences) if each.faults}:
        asked = json.dumps(_to_mend(request, faulty), ensure_ascii=False)
        mended = await consultation.ask(MENDER, asked, key="mend", rules=no_mending)
        sentences = await asyncio.to_thread(settled, sentences, mended.output, request)
    return SectionResult(
        sentences=sentences,
        usage=consultation.usage,
        model=written.model,
        offline=written.offline,
        by_rules=written.by_rules,
    )


def checked(written: SectionWritten, notes: Sequence[NumberedNote]) -> list[CheckedSentence]:
    """Return the sentences of a section with their faults; the same said twice is said once."""
    known = {each.number: each for each in notes}
    found: dict[str, CheckedSentence] = {}
    for number, paragraph in enumerate(written.paragraphs, 1):
        for each in paragraph.sentences:
            text = " ".join(each.text.split())
            faults = faults_of(text, each.notes, known)
            cited = sorted({*each.notes})
            found.setdefault(text, CheckedSentence(text=text, notes=cited, paragraph=number, faults=faults))
    return [*found.values()][:MOST_SENTENCES]


def settled(
    sentences: Sequence[CheckedSentence], mended: SectionMended, request: SectionRequest
) -> list[CheckedSentence]:
    """Return the sentences, those with faults as they were mended; what has faults still is dropped or marked."""
    known = {each.number: each for each in request.notes}
    again = {each.number: each for each in mended.sentences}
    last = "dropped" if request.unsupported == "drop" else "marked"
    found = []
    for at, sentence in enumerate(sentences):
        new = again.get(at)
        if not sentence.faults:
            found.append(sentence)
        elif new is not None and not faults_of(" ".join(new.text.split()), new.notes, known):
            text, cited = " ".join(new.text.split()), sorted({*new.notes})
            found.append(sentence.model_copy(update={"text": text, "notes": cited, "outcome": "rewritten"}))
        else:
            # A number that is none can be cited by nobody.
            cited = [number for number in sentence.notes if number in known]
            found.append(sentence.model_copy(update={"notes": cited, "outcome": last}))
    return found


def _shown(request: SectionRequest) -> str:
    shown = {
        "language": request.language,
        "question": request.question,
        "title": request.title,
        "aim": request.aim,
        "notes": _notes(request.notes),
    }
    return json.dumps(shown, ensure_ascii=False)


def _to_mend(request: SectionRequest, faulty: dict[int, CheckedSentence]) -> dict[str, object]:
    sentences = [
        {"number": at, "text": each.text, "notes": each.notes, "wrong": each.faults} for at, each in faulty.items()
    ]
    return {"language": request.language, "sentences": sentences, "notes": _notes(request.notes)}


def _notes(notes: Sequence[NumberedNote]) -> list[dict[str, object]]:
    return [
        {
            "number": each.number,
            "source": each.source_title,
            "published": each.published,
            "says": each.says,
            "quotation": each.quote,
        }
        for each in notes
    ]
