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
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    exceptions,
)
from sniffio import current_async_library_cvar

from backdesk.agents import card as cards
from backdesk.agents.card import HandOver, Question
from backdesk.agents.contract import ModelUsage
from backdesk.agents.desk import Desk
from backdesk.agents.failures import ASKED_ANEW, ModelFailure
from backdesk.agents.runtime.assembly import RETRIES, assemble, remote_toolsets
from backdesk.agents.runtime.cached import Cached
from backdesk.agents.runtime.continued import Continued, begun, rest
from backdesk.agents.runtime.durable import Durable
from backdesk.agents.runtime.joined import joined
from backdesk.agents.runtime.messages import History, Prompt, dump_history, turn_of, with_words
from backdesk.agents.runtime.metered import Metered
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.reviewed import Reviewed
from backdesk.agents.runtime.shown import Shown
from backdesk.agents.runtime.surroundings import Surroundings, Watcher
from backdesk.agents.runtime.turn import Turn
from backdesk.agents.runtime.usable import Choice, Usable, sound
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
    prompt: Prompt | None,
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
    # As `anyio.run` does: what the libraries are built on looks for the event loop at each of its steps, unless told.
    current_async_library_cvar.set("asyncio")
    desk, budget = around.desk, around.budget
    agent = assemble(card, may_ask, may_hand_over and bool(card.hands_to))
    desk.prompt = around.journal.prompt_of(card)
    desk.briefing = await card.briefing(desk) if card.briefing else ""
    remote = await around.remote.of(card.mcp, [tool.name for tool in card.tools]) if card.mcp else []
    turn = Turn(budget.tool_timeout_s, card.limits.tools_within_s)
    durable = Durable([*card.tools, *remote], around.journal, history, turn, prompted=prompt is not None)
    gate = gate_for(card.quality, desk.wishes)
    wrapped = _Wrapped.of(card, gate, around, model, durable)
    try:
        with wrapped.metered.outlet.of(), joined(wrapped.outermost_first):
            async with agent.iter(
                prompt,
                message_history=wrapped.durable.history,
                deps=desk,
                model=model.model,
                usage=budget.usage,
                usage_limits=budget.limits(card.limits, desk.transfers[-1]),
                toolsets=remote_toolsets(remote),
                # One more, to go on with an answer that was cut off.
                retries={"output": RETRIES + (gate.most_corrections if gate else 0) + 1},
            ) as run:
                return await _outcome(run, around, wrapped)
    except exceptions.AgentRunError as error:
        raise wrapped.metered.meaning_of(error) from error
    finally:
        around.watcher.spent(budget.spent)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """What stands between the library and the world in one run."""

    durable: Durable
    cached: Cached
    usable: Usable
    metered: Metered
    reviewed: Reviewed | None
    continued: Continued
    choice: Choice
    shown: Shown
    #: Whether what the agent writes may be an answer.
    answers: bool

    @classmethod
    def of(
        cls, card: cards.Agent, gate: QualityGate | None, around: Surroundings, model: ModelHandle, durable: Durable
    ) -> _Wrapped:
        return cls(
            durable,
            Cached(card, model, around.shelf, around.watcher),
            Usable(card),
            Metered(card.name, model, around.account, around.gates, around.watcher, prompt=around.desk.prompt),
            Reviewed(card, gate, around) if gate else None,
            Continued(),
            Choice(card),
            Shown(card),
            card.answers,
        )

    @property
    def outermost_first(self) -> list[Any]:
        """The hooks in their order: what is known passes no gate. Of an answer the last of them hears first."""
        reviewed = [self.reviewed] if self.reviewed else []
        requests = [self.durable, self.cached, self.usable, self.metered, self.shown]
        return [*requests, *reviewed, self.continued, self.choice]

    @property
    def shows_text(self) -> bool:
        """Whether watchers see what the model writes as it comes."""
        return self.answers and (self.reviewed is None or self.reviewed.shows_drafts)


async def _outcome(run: AgentRun[Desk, Any], around: Surroundings, wrapped: _Wrapped) -> tuple[Output, History]:
    try:
        await _drive(run, around, wrapped)
        return await _end(run, around.watcher, wrapped)
    except (exceptions.AgentRunError, ModelFailure) as error:
        raise await _failure(error, run, around, wrapped) from error


async def _failure(
    error: exceptions.AgentRunError | ModelFailure, run: AgentRun[Desk, Any], around: Surroundings, wrapped: _Wrapped
) -> Exception:
    """Return what an error of a run means for the job, and see to it that no response is replayed that was of no use.

    One for which tools were called is kept all the same: asked anew, a model would call them by other ids.
    """
    failure = error if isinstance(error, ModelFailure) else wrapped.metered.meaning_of(error)
    if not isinstance(failure, ModelFailure) or failure.code not in ASKED_ANEW:
        return failure
    anew = None if wrapped.durable.called else dump_history(turn_of(sound(run.all_messages()), around.journal.steered))
    again = await around.journal.stuck(anew, around.budget.by_agents, around.budget.beside)
    return ModelFailure(failure.code, failure.message, failure.retry_after_s, final=again)


async def _end(run: AgentRun[Desk, Any], watcher: Watcher, wrapped: _Wrapped) -> tuple[Output, History]:
    if run.result is None or isinstance(run.result.output, DeferredToolRequests):
        raise exceptions.UnexpectedModelBehavior("the run ended without a result")
    await wrapped.cached.accept()
    output: Output = run.result.output
    if isinstance(output, str) and not wrapped.answers and (wrapped.reviewed is None or wrapped.reviewed.shows_drafts):
        watcher.text(output, begins=True)
    return output, run.result.all_messages()


async def _drive(run: AgentRun[Desk, Any], around: Surroundings, wrapped: _Wrapped) -> None:
    node, budget, spent = run.next_node, around.budget, around.budget.by_agents
    while not Agent.is_end_node(node):
        goes_on: str | None = None
        # A response that is known was kept, and streamed to those who watched, when it was new.
        if Agent.is_model_request_node(node) and not wrapped.durable.knows_response:
            spent = budget.by_agents
            await _keep_request(run, node, around, spent, wrapped.durable)
            goes_on = begun([*run.all_messages(), node.request, ModelResponse(parts=[])])
            await _stream_response(run, node, around.watcher, wrapped, shown=wrapped.shows_text and goes_on is None)
        elif Agent.is_call_tools_node(node):
            # What was spent without this response: whoever goes on here is served it, and counts it then.
            await _keep(run.all_messages(), around, spent)
            if node.model_response.tool_calls:
                async with node.stream(run.ctx) as events:
                    await _report(events, around.watcher, shown=wrapped.shows_text)
        asked = Agent.is_model_request_node(node)
        node = await run.next(node)
        if asked and Agent.is_call_tools_node(node):
            budget.answered(node.model_response)
            if goes_on is not None and wrapped.shows_text and around.watcher.watched:
                # What it repeats of its beginning was told already.
                around.watcher.text(rest(goes_on, node.model_response.text or ""), begins=False)
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
        around.desk.told(*(text for _, text in words))
        await _keep([*run.all_messages(), node.request], around, spent)


async def _stream_response(
    run: AgentRun[Desk, Any], node: Any, watcher: Watcher, wrapped: _Wrapped, *, shown: bool
) -> None:
    """Make the request of a node now, and tell its answer as it comes; when nobody watches, it is made later."""
    if not watcher.watched:
        return
    async with node.stream(run.ctx) as stream:
        try:
            await _report(wrapped.metered.timed(stream), watcher, shown=shown)
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
