"""Has what one agent says to customers reviewed by its quality gate, and mended by the model that wrote it.

A question is reviewed as an answer is, and so are the texts of a structured answer. A note by which an agent hands over
is not worth another request: one that does not pass is withheld, as the colleague sees the conversation anyhow.

How often a job has mended its answers is counted in its messages, which every attempt finds again: there a refused
draft is followed by what was to be mended. So neither a crash nor a hand-over begins the count anew, and a response
that is known from a former attempt is reviewed again with the same end, without asking a model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from pydantic_ai import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelRetry,
    RetryFeedbackPart,
    RunContext,
    SystemPromptPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.output import OutputContext

from backdesk.agents.card import Agent, HandOver, Question
from backdesk.agents.desk import Desk
from backdesk.agents.failures import QualityFailed
from backdesk.agents.proposals.showing import ShowsProposal, TellsEffects, moments_of
from backdesk.agents.runtime.citing import sources_in
from backdesk.agents.runtime.clocks import by_clocks
from backdesk.agents.runtime.completed import completion
from backdesk.agents.runtime.continued import is_cut_off
from backdesk.agents.runtime.judging import opinion
from backdesk.agents.runtime.messages import History, as_text, files_of, turn_of, words_in
from backdesk.agents.runtime.shown import Sight, text_of
from backdesk.agents.runtime.surroundings import Surroundings
from backdesk.quality import Draft, QualityGate
from backdesk.quality.check import Check
from backdesk.quality.citations import citations_of
from backdesk.quality.contract import Review
from backdesk.quality.draft import Form
from backdesk.quality.rubric import RUBRIC, Verdict, shown_of

#: How what is to be mended begins, for the model; drafts that were refused are known by it.
REFUSED = "Your answer was not sent, as it did not pass its review. Write the whole answer anew; mend this:"


#: What a hand-over says in place of a note that did not pass.
WITHHELD = "The matter is the colleague's."
#: What the opinion of a judge on a draft is called.
REVIEW = "review"


class Reviewed(AbstractCapability[Desk]):
    """Reviews what one run of an agent ends with. The judge is asked about drafts that have passed their checks."""

    def __init__(self, card: Agent, gate: QualityGate, around: Surroundings) -> None:
        self._card = card
        self._gate = gate
        self._around = around

    @property
    def shows_drafts(self) -> bool:
        """Whether watchers see what the model writes before it has passed."""
        return self._gate.shows == "live"

    async def after_output_process(self, ctx: RunContext[Desk], *, output_context: OutputContext, output: Any) -> Any:
        """Return an output that passed. Raises ModelRetry, and QualityFailed when it was mended often enough."""
        if ctx.partial_output:
            return output
        match output:
            case HandOver():
                return await self._with_fit_note(ctx, output)
            case Question():
                await self._review(ctx, output.question, "question")
            case BaseModel():
                await self._review(ctx, "\n".join(_texts(output.model_dump())), "data")
            case str():
                await self._review(ctx, output, "answer")
            case _:
                pass
        return output

    async def _with_fit_note(self, ctx: RunContext[Desk], output: HandOver) -> HandOver:
        review = await _checked(self._gate, await self._draft(ctx, output.reason, "note"))
        return output if review.passed else output.model_copy(update={"reason": WITHHELD})

    async def _review(self, ctx: RunContext[Desk], text: str, form: Form) -> None:
        corrections = sum(map(_is_refusal, turn_of(ctx.messages, self._around.journal.steered)))
        review = await self._scored(self._gate_of(ctx, corrections), await self._draft(ctx, text, form))
        shown = text if form == "answer" and not self.shows_drafts else None
        await self._around.journal.reviewed(self._card.name, review, corrections, answer=shown)
        if review.passed:
            return
        if corrections >= self._gate.most_corrections:
            raise QualityFailed(review, corrections)
        raise ModelRetry(f"{REFUSED}\n{review.mend}")

    def _gate_of(self, ctx: RunContext[Desk], corrections: int) -> QualityGate:
        """Return the gate, with what code knows of proposals and effects."""
        proposed, journal = ctx.deps.proposed, self._around.journal
        more: list[Check] = completion(ctx.messages, journal, ctx.deps) if journal.binds or self._gate.claims else []
        done = tuple(filter(None, (action.sentence() for action in journal.binding())))
        more += [TellsEffects(done)] if done else []
        if proposed and corrections < self._gate.most_corrections:  # after that, code asks what an answer does not
            more.append(ShowsProposal(proposed.proposed, moments_of(proposed.facts)))
        return replace(self._gate, checks=(*self._gate.checks, *more))

    async def _scored(self, gate: QualityGate, draft: Draft) -> Review:
        review, judge = await _checked(gate, draft), self._around.judge
        if judge is None or review.failed:
            return review
        verdict = await opinion(Verdict, RUBRIC, shown_of(draft), name=REVIEW, model=judge, around=self._around)
        return gate.judged(review, verdict, judge.name) if verdict else review

    async def _draft(self, ctx: RunContext[Desk], text: str, form: Form) -> Draft:
        """Put a text beside what was asked, and what its agent can know: not what models wrote before it."""
        messages, desk = ctx.messages, ctx.deps
        said = [words_in(part) for part in _parts(messages, UserPromptPart)]
        # What was no use is told with the words of the model that wrote it.
        zone, parts = desk.settings.business_hours.zone, _parts(messages, ToolReturnPart)
        returned = [by_clocks(as_text(each.content), zone) for each in parts if each.outcome != "retried"]
        told = [part.content for part in _parts(messages, SystemPromptPart)]
        requests = [each for each in messages[-2:] if isinstance(each, ModelRequest)]
        sight, files = self._sight(ctx), [*files_of(messages)]
        seen = [file for file in files if sight.looks_at(file)]
        texts = {file: await text_of(file, await desk.files(file.id) or b"") for file in files if sight.reads(file)}
        return Draft(
            text,
            said[-1] if said else "",
            (*said, *texts.values(), *returned, *told, *(each.instructions for each in requests if each.instructions)),
            desk.database.today(),
            form,
            truncated=is_cut_off(messages),
            files=tuple(file.told for file in files if file in seen or texts.get(file)),
            unread=tuple(file.told for file in seen),
            citable=frozenset(each.reference for each in sources_in(messages)) if citations_of(text) else frozenset(),
        )

    def _sight(self, ctx: RunContext[Desk]) -> Sight:
        return Sight.of(self._card.sees, ctx.deps.settings, ctx.model.model_name)


async def _checked(gate: QualityGate, draft: Draft) -> Review:
    # In a thread: the first review of a process loads a library for half a second.
    return await asyncio.to_thread(gate.review, draft)


def without_refused(messages: History) -> History:
    """Leave out drafts that were refused, and what was said about them: the conversation goes on without."""
    kept: History = []
    for message in messages:
        refused = [part for part in message.parts if _refuses(part)]
        if not refused or not isinstance(message, ModelRequest):
            kept.append(message)
            continue
        if kept and isinstance(kept[-1], ModelResponse):
            kept[-1:] = _without_drafts(kept[-1], {getattr(part, "tool_call_id", "") for part in refused})
        if rest := [part for part in message.parts if not _refuses(part)]:
            kept.append(replace(message, parts=rest))
    return kept


def _without_drafts(response: ModelResponse, calls: set[str]) -> History:
    """Return what else than drafts a response has: calls of tools. Texts beside these were none to the customer."""
    rest = [each for each in response.parts if getattr(each, "tool_call_id", None) not in calls]
    return [replace(response, parts=rest)] if any(isinstance(each, ToolCallPart) for each in rest) else []


def _is_refusal(message: ModelMessage) -> bool:
    return isinstance(message, ModelRequest) and any(map(_refuses, message.parts))


def _refuses(part: Any) -> bool:
    said_so = isinstance(part, RetryFeedbackPart) or (isinstance(part, ToolReturnPart) and part.outcome == "retried")
    return said_so and isinstance(part.content, str) and part.content.startswith(REFUSED)


def _texts(value: Any) -> Iterator[str]:
    """Return the texts in a structured answer."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list() | tuple() | set() | frozenset():
            for each in value:
                yield from _texts(each)
        case _:
            pass


def _parts(messages: History, kind: type[Any]) -> Iterator[Any]:
    return (part for message in messages for part in message.parts if isinstance(part, kind))
