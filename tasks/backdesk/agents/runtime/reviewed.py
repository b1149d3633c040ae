"""Has the text answers of one agent reviewed by its quality gate, and mended by the model that wrote them.

How often a job has mended its answers is counted in its messages, which every attempt finds again: there a refused
draft is followed by what was to be mended. So neither a crash nor a hand-over begins the count anew, and a response
that is known from a former attempt is reviewed again with the same end, without asking a model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic_ai import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelRetry,
    RetryFeedbackPart,
    RunContext,
    SystemPromptPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.output import OutputContext
from pydantic_core import to_json

from backdesk.agents.desk import Desk
from backdesk.agents.failures import QualityFailed
from backdesk.agents.journal import Journal
from backdesk.agents.proposals.showing import ShowsProposal
from backdesk.agents.runtime.messages import History, turn_of
from backdesk.quality import Draft, QualityGate

#: How what is to be mended begins, for the model; drafts that were refused are known by it.
REFUSED = "Your answer was not sent, as it did not pass its review. Write the whole answer anew; mend this:"


class Reviewed(AbstractCapability[Desk]):
    """Reviews what one run of an agent answers. Questions and hand-overs pass unread."""

    def __init__(self, agent: str, gate: QualityGate, journal: Journal) -> None:
        self._agent = agent
        self._gate = gate
        self._journal = journal

    @property
    def shows_drafts(self) -> bool:
        """Whether watchers see what the model writes before it has passed."""
        return self._gate.shows == "live"

    async def after_output_process(self, ctx: RunContext[Desk], *, output_context: OutputContext, output: Any) -> Any:
        """Return an answer that passed. Raises ModelRetry, and QualityFailed when it was mended often enough."""
        if ctx.partial_output or not isinstance(output, str):
            return output
        corrections = sum(map(_is_refusal, turn_of(ctx.messages, self._journal.steered)))
        draft = draft_of(ctx.messages, output, ctx.deps.database.today())
        # In a thread: the first review of a process loads a library for half a second.
        review = await asyncio.to_thread(self._gate_of(ctx.deps, corrections).review, draft)
        await self._journal.reviewed(self._agent, review, corrections, answer=None if self.shows_drafts else output)
        if review.passed:
            return output
        if corrections >= self._gate.most_corrections:
            raise QualityFailed(review, corrections)
        raise ModelRetry(f"{REFUSED}\n{review.mend}")

    def _gate_of(self, desk: Desk, corrections: int) -> QualityGate:
        """Return the gate; with what was proposed to be shown, as long as there is a correction left for that."""
        if desk.proposed is None or corrections >= self._gate.most_corrections:
            return self._gate
        return replace(self._gate, checks=(*self._gate.checks, ShowsProposal(desk.proposed.proposed)))


def draft_of(messages: History, text: str, today: date) -> Draft:
    """Put an answer beside what was asked, and what its agent can know: not what models wrote before it."""
    said = [part.content for part in _parts(messages, UserPromptPart) if isinstance(part.content, str)]
    returned = [_as_text(part.content) for part in _parts(messages, ToolReturnPart)]
    told = [part.content for part in _parts(messages, SystemPromptPart)]
    instructions = [each.instructions for each in messages[-2:] if isinstance(each, ModelRequest) and each.instructions]
    return Draft(text, said[-1] if said else "", (*said, *returned, *told, *instructions), today)


def without_refused(messages: History) -> History:
    """Leave out drafts that were refused, and what was said about them: the conversation goes on without."""
    refused = {at for at, message in enumerate(messages) if _is_refusal(message)}
    refused |= {at - 1 for at in refused if at and isinstance(messages[at - 1], ModelResponse)}
    return [message for at, message in enumerate(messages) if at not in refused]


def _is_refusal(message: ModelMessage) -> bool:
    return isinstance(message, ModelRequest) and any(
        isinstance(part, RetryFeedbackPart) and isinstance(part.content, str) and part.content.startswith(REFUSED)
        for part in message.parts
    )


def _parts(messages: History, kind: type[Any]) -> Iterator[Any]:
    return (part for message in messages for part in message.parts if isinstance(part, kind))


def _as_text(content: object) -> str:
    return content if isinstance(content, str) else to_json(content, fallback=str).decode()
