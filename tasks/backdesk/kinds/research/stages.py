"""The stages of a report: plan, searches and readings, outline, sections; between them what its reader asks for.

What asks somebody is a step or a child job under a key that follows from what is asked: an attempt after a crash, or a
plan that has changed, finds what was done and repeats none of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel

from backdesk.agents import Agent, Consultation
from backdesk.agents.attachments import taken
from backdesk.kinds.research.agents import OUTLINER, PLANNER, STEERER, OutlineMade
from backdesk.kinds.research.contract import (
    MOST_SECTIONS,
    READING,
    SECTION,
    Plan,
    ReadingRequest,
    ReadingResult,
    SectionPlan,
    SectionRequest,
    SectionResult,
    SourceFound,
    Topic,
)
from backdesk.kinds.research.progress import AT_ONCE, Progress
from backdesk.kinds.research.rules import outline_by_rules, plan_by_rules, plan_changed_by_rules
from backdesk.kinds.research.searching import Searches
from backdesk.kinds.research.work import Reading, Work, digest
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import TaskError
from backdesk.worker.model.child import ChildCall, ChildEnd

#: By depth: topics at most, sources for each, and notes of one source.
DEPTHS = {"quick": (3, 3, 5), "standard": (6, 4, 8), "thorough": (MOST_SECTIONS, 8, 12)}
#: Notes of one section, at most.
MOST_NOTES = 40
#: How often a plan is changed, at most; what comes after that is a job of its own.
MOST_CHANGES = 20
#: Failures by which there is nothing left to spend: a report is made of what there is.
SPENT = frozenset({"budget_exceeded", "tenant_budget_exceeded"})

Out = TypeVar("Out", bound=BaseModel)


class Words(BaseModel):
    """What was asked for while the report was made, by the job that brought it."""

    job_id: str
    text: str


class Stages:
    """The stages of one attempt."""

    def __init__(self, ctx: TaskContext, work: Work) -> None:
        self._ctx = ctx
        self._work = work
        self._agents = Consultation(ctx)
        self._searches = Searches(ctx, work)
        self.progress = Progress(ctx, work)
        #: Count what is done several times, the same way in each attempt.
        self._boundaries = 0
        self._outlines = 0

    async def run(self) -> None:
        """Do all that is planned. Raises what agents raise; TaskError (`SPENT`) when a part has nothing to spend."""
        self._work.files = await taken(self._ctx, self._work.request.attachments, deployment().settings)
        await self._plan()
        while await self._steered() or not await self._done():
            pass

    async def _done(self) -> bool:
        """Do what is to be done by the plan at hand; False when that was changed on the way."""
        if self._work.new_topics and not await self._research():
            return False
        await self._outline()
        return not await self._steered() and await self._write()

    # --- plan ---

    async def _plan(self) -> None:
        request = self._work.request
        most = min(request.sections, DEPTHS[request.depth][0])
        await self.progress.tell(0.02, "Planning the report", "plan")
        shown = {"question": request.message, "language": self._work.language, "most_topics": most}
        rules = partial(plan_by_rules, request.message, most)
        self._work.plan = fitting(await self._ask(PLANNER, shown, "plan", rules, "the plan"), most)

    async def _steered(self) -> bool:
        """Take what the reader has asked for meanwhile; gives whether the plan is another one now."""
        self._boundaries += 1
        words: list[Words] = await self._ctx.step(f"heard/{self._boundaries}", self._hear, effect=Effect.PURE)
        before = self._work.planned
        for each in words:
            self._work.heard.append(each.job_id)
            await self._change(each)
        return self._work.planned != before

    async def _hear(self) -> list[Words]:
        known = self._work.heard
        if len(known) >= MOST_CHANGES:
            return []
        messages = await self._ctx.messages(self._takes)
        new = [each for each in messages if each.job_id not in known]
        return [Words(job_id=each.job_id, text=str(each.request["message"])) for each in new]

    def _takes(self, other: Any) -> bool:
        """Whether a message, as JSON, is of the same reader without files, which are for another report."""
        return other.get("customer_id") == self._work.request.customer_id and not other.get("attachments")

    async def _change(self, words: Words) -> None:
        work = self._work
        shown = {"plan": work.planned.model_dump(), "asked": words.text, "language": work.language}
        rules = partial(plan_changed_by_rules, work.planned, words.text)
        made = await self._ask(STEERER, shown, f"change/{words.job_id}", rules, "what was asked for meanwhile")
        work.plan = fitting(made.plan, MOST_SECTIONS)
        work.steered.append(made.understood)
        await self.progress.tell(0.0, f"Changed the plan: {made.understood}", "plan")

    # --- searches and readings ---

    async def _research(self) -> bool:
        """Search and read for the topics that are new; False when the plan was changed meanwhile."""
        work, topics = self._work, self._work.new_topics
        message = f"Searching for {count(len(topics), 'topic')}"
        await self.progress.tell(0.06, message, "search")
        most_sources, most_notes = DEPTHS[work.request.depth][1:]
        chosen = await self._searches.chosen(topics, most_sources)
        calls = [self._reading(source, each, most_notes) for source, each in chosen]
        for at in range(0, len(calls), AT_ONCE["read"]):
            message = f"{at} of {count(len(calls), 'source')} read"
            await self.progress.tell(0.1 + 0.4 * at / len(calls), message, "read", done=at, total=len(calls))
            ends = await self._ctx.call_all(calls[at : at + AT_ONCE["read"]])
            for call, end in zip(calls[at:], ends, strict=False):
                work.has_read(_reading_of(call, end))
            raise_spent(ends)
        work.researched.update(digest(each) for each in topics)
        return not await self._steered()

    def _reading(self, source: SourceFound, topics: Sequence[Topic], most_notes: int) -> ChildCall:
        request = ReadingRequest(source=source, topics=[*topics], language=self._work.language, most_notes=most_notes)
        return ChildCall(READING.kind, request, key=f"reading/{digest(request)}", result=ReadingResult)

    # --- outline and sections ---

    async def _outline(self) -> None:
        work, notes = self._work, self._work.usable
        self._outlines += 1
        if not notes:
            work.outline = []
            return
        most = work.most_sections
        await self.progress.tell(0.52, f"Outlining by {count(len(notes), 'note')}", "outline")
        shown = {
            "question": work.request.message,
            "language": work.language,
            "most_sections": most,
            "topics": [each.model_dump(include={"title", "question"}) for each in work.planned.topics],
            "notes": [each.model_dump(include={"number", "topic", "says", "source_title"}) for each in notes],
            "outline_before": [each.model_dump() for each in work.outline],
        }
        rules = partial(outline_by_rules, work.planned, notes, most)
        made = await self._ask(OUTLINER, shown, f"outline/{self._outlines}", rules, "the outline")
        work.outline = sections_of(made, {each.number for each in notes}, most)

    async def _write(self) -> bool:
        """Have the sections written that are not; False when the plan was changed before all were."""
        work = self._work
        wanted = {digest(each): each for each in map(work.request_of, work.outline)}
        new = {name: each for name, each in wanted.items() if name not in work.drafts}
        names = [*new]
        for at in range(0, len(names), AT_ONCE["write"]):
            message = f"{at} of {count(len(names), 'section')} written"
            fraction = 0.55 + 0.35 * at / len(names)
            await self.progress.tell(fraction, message, "write", done=at, total=len(names))
            ends = await self._ctx.call_all([_writing(new[each]) for each in names[at : at + AT_ONCE["write"]]])
            for name, end in zip(names[at:], ends, strict=False):
                work.drafts[name] = self._draft_of(new[name], end)
            raise_spent(ends)
            if await self._steered():
                return False
        return True

    def _draft_of(self, request: SectionRequest, end: ChildEnd[SectionResult]) -> SectionResult | None:
        if end.ok:
            if end.value().by_rules:
                self._by_rules(f"the section “{request.title}”")
            return end.value()
        self._work.problems.append(f"The section “{request.title}” could not be written: {_reason(end)}")
        return None

    async def _ask(self, card: Agent[Out], shown: dict[str, Any], key: str, rules: Callable[[], Out], what: str) -> Out:
        found = await self._agents.ask(card, json.dumps(shown, ensure_ascii=False), key=key, rules=rules)
        self._work.answers.append(found)
        if found.by_rules:
            self._by_rules(what)
        return found.output

    def _by_rules(self, what: str) -> None:
        self._work.problems.append(f"Rules made {what}: the model did not answer as it was asked to.")


def fitting(plan: Plan, most: int) -> Plan:
    """Return a plan with so many topics at most, each once."""
    topics = {each.title.casefold(): each for each in reversed(plan.topics)}
    return Plan(title=plan.title, topics=[*reversed(topics.values())][:most])


def sections_of(made: OutlineMade, known: set[int], most: int) -> list[SectionPlan]:
    """Return the sections of an outline that have notes that there are; none of a title twice."""
    sections: dict[str, SectionPlan] = {}
    for each in made.sections:
        notes = [number for number in dict.fromkeys(each.notes) if number in known][:MOST_NOTES]
        if notes and each.title.casefold() not in sections:
            sections[each.title.casefold()] = SectionPlan(title=each.title, aim=each.aim, notes=notes)
    return [*sections.values()][:most]


def raise_spent(ends: Sequence[ChildEnd]) -> None:
    """Raise TaskError where a job had nothing to spend."""
    for end in ends:
        if end.error is not None and end.error.code in SPENT:
            raise TaskError(end.error.code, end.error.message, category=end.error.category)


def count(number: int, what: str) -> str:
    """Say how many of something."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _reading_of(call: ChildCall, end: ChildEnd[ReadingResult]) -> Reading:
    source = call.request.source
    return Reading(source, end.value()) if end.ok else Reading(source, problem=_reason(end))


def _writing(request: SectionRequest) -> ChildCall:
    return ChildCall(SECTION.kind, request, key=f"section/{digest(request)}", result=SectionResult)


def _reason(end: ChildEnd[Any]) -> str:
    return end.error.message if end.error is not None else f"its job was {end.state}"
