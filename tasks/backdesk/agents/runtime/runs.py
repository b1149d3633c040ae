"""One agent at work: from its card, until it answers, asks or hands over."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any

import pydantic_ai
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    AgentRun,
    DeferredToolRequests,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    exceptions,
)

from backdesk.agents import card as cards
from backdesk.agents.card import HandOver, Question
from backdesk.agents.contract import ModelUsage
from backdesk.agents.desk import Desk
from backdesk.agents.runtime.assembly import RETRIES, assemble, remote_toolsets
from backdesk.agents.runtime.cached import Cached
from backdesk.agents.runtime.durable import Durable
from backdesk.agents.runtime.joined import Joined
from backdesk.agents.runtime.messages import History, dump_history, turn_of, with_words
from backdesk.agents.runtime.metered import Metered
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.reviewed import Reviewed
from backdesk.agents.runtime.surroundings import Surroundings, Watcher
from backdesk.quality.gate import QualityGate, gate_for

#: What an agent ends with; a model that is none of ours is a structured answer.
Output = str | HandOver | Question | BaseModel

# On a terminal the library greets at the first run; a worker's output is its log.
pydantic_ai.BANNER_ENABLED = False


async def run_agent(
    card: cards.Agent,
    around: Surroundings,
    *,
    model: ModelHandle,
    prompt: str | None,
    history: History,
    may_ask: bool,
    may_hand_over: bool,
) -> tuple[Output, History]:
    """Let one agent work until it answers, asks or hands over; return that and the whole conversation.

    Without a prompt it goes on where the history ends: after a handoff, or where another attempt stopped. Each request
    to the model is held to the budgets of the job and passes the gates, unless its answer is on the shelf, where the
    card wants that; what it says passes the card's quality gate. Raises ModelFailure; what budgets and gates raise, as
    BudgetExceeded and Limited; and Suspended or LeavingNow when the job must leave, which happens at no other points
    than the journal.
    """
    desk, budget = around.desk, around.budget
    agent = assemble(card, may_ask, may_hand_over and bool(card.hands_to), budget.tool_timeout_s)
    desk.briefing = await card.briefing(desk) if card.briefing else ""
    remote = await around.remote.of(card.mcp, [tool.name for tool in card.tools]) if card.mcp else []
    durable = Durable([*card.tools, *remote], around.journal, history, prompted=prompt is not None)
    gate = gate_for(card.quality, desk.wishes)
    wrapped = _Wrapped.of(card, gate, around, model, durable)
    try:
        async with agent.iter(
            prompt,
            message_history=wrapped.durable.history,
            capabilities=[Joined(wrapped.outermost_first)],
            deps=desk,
            model=model.model,
            usage=budget.usage,
            usage_limits=budget.limits(card.limits, desk.transfers[-1]),
            toolsets=remote_toolsets(remote),
            retries={"output": RETRIES + (gate.most_corrections if gate else 0)},
        ) as run:
            await _drive(run, around, wrapped)
            return await _end(run, wrapped)
    except exceptions.AgentRunError as error:
        raise wrapped.metered.meaning_of(error) from error
    finally:
        around.watcher.spent(budget.spent)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """What stands between the library and the world in one run."""

    durable: Durable
    cached: Cached
    metered: Metered
    reviewed: Reviewed | None

    @classmethod
    def of(
        cls, card: cards.Agent, gate: QualityGate | None, around: Surroundings, model: ModelHandle, durable: Durable
    ) -> _Wrapped:
        return cls(
            durable,
            Cached(card, model, around.shelf, around.watcher),
            Metered(card.name, model, around.account, around.gates, around.watcher),
            Reviewed(card.name, gate, around) if gate else None,
        )

    @property
    def outermost_first(self) -> list[Any]:
        """The hooks in their order: what is known passes no gate."""
        return [self.durable, self.cached, self.metered, *([self.reviewed] if self.reviewed else [])]

    @property
    def shows_text(self) -> bool:
        """Whether watchers see what the model writes as it comes."""
        return self.reviewed is None or self.reviewed.shows_drafts


async def _end(run: AgentRun[Desk, Any], wrapped: _Wrapped) -> tuple[Output, History]:
    if run.result is None or isinstance(run.result.output, DeferredToolRequests):
        raise exceptions.UnexpectedModelBehavior("the run ended without a result")
    await wrapped.cached.accept()
    return run.result.output, run.result.all_messages()


async def _drive(run: AgentRun[Desk, Any], around: Surroundings, wrapped: _Wrapped) -> None:
    node, budget, spent = run.next_node, around.budget, around.budget.by_agents
    while not Agent.is_end_node(node):
        # A response that is known was kept, and streamed to those who watched, when it was new.
        if Agent.is_model_request_node(node) and not wrapped.durable.knows_response:
            spent = budget.by_agents
            await _keep_request(run, node, around, spent, wrapped.durable)
            await _stream_response(run, node, around.watcher, wrapped)
        elif Agent.is_call_tools_node(node):
            # What was spent without this response: whoever goes on here is served it, and counts it then.
            await _keep(run.all_messages(), around, spent)
            async with node.stream(run.ctx) as events:
                await _report(events, around.watcher, shown=wrapped.shows_text)
        asked = Agent.is_model_request_node(node)
        node = await run.next(node)
        if asked and Agent.is_call_tools_node(node):
            budget.answered(node.model_response)
        around.watcher.spent(budget.spent)
        wrapped.durable.leave_if_due()


async def _keep(messages: History, around: Surroundings, spent: ModelUsage) -> None:
    turn = dump_history(turn_of(messages, around.journal.steered))
    await around.journal.keep(turn, spent, around.budget.beside)


async def _keep_request(
    run: AgentRun[Desk, Any], node: Any, around: Surroundings, spent: ModelUsage, durable: Durable
) -> None:
    """Keep where the agents are before a request to the model, which gets what the customer has written meanwhile."""
    if around.journal.leaves or not durable.remembers(node.request):
        await _keep([*run.all_messages(), node.request], around, spent)
    if words := await around.journal.hear():
        node.request = with_words(node.request, words)
        around.desk.message = "\n\n".join((around.desk.message, *(text for _, text in words)))
        await _keep([*run.all_messages(), node.request], around, spent)


async def _stream_response(run: AgentRun[Desk, Any], node: Any, watcher: Watcher, wrapped: _Wrapped) -> None:
    """Make the request of a node now, and tell its answer as it comes; when nobody watches, it is made later."""
    if not watcher.watched:
        return
    async with node.stream(run.ctx) as stream:
        try:
            await _report(wrapped.metered.timed(stream), watcher, shown=wrapped.shows_text)
        except exceptions.AgentRunError as error:
            wrapped.metered.stream_broke(error)
            raise


async def _report(events: AsyncIterable[Any], watcher: Watcher, *, shown: bool) -> None:
    async for event in events:
        match event:
            case PartStartEvent(part=TextPart(content=piece)) if shown:
                watcher.text(piece, begins=True)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=piece)) if shown:
                watcher.text(piece, begins=False)
            case FunctionToolCallEvent(part=call):
                watcher.tool_called(call.tool_name, call.tool_call_id, call.args_as_dict())
            case FunctionToolResultEvent(part=done):
                watcher.tool_returned(done.tool_name, done.tool_call_id, done.outcome, done.content)
            case _:
                pass
