"""One message and its answer: from what was said before, through the agents of a team, to what the caller gets.

Agents do not call each other. One that hands over ends, and the exchange starts the next on the same conversation and
desk, so that a job has one agent at a time and one place where handoffs are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Generic, TypeVar

from backdesk.agents.card import HandOver, Question
from backdesk.agents.contract import AgentRequest, AgentResult, ModelUsage
from backdesk.agents.desk import C, Desk, Transfer
from backdesk.agents.journal import Journal
from backdesk.agents.metering import FleetLimits, Gate
from backdesk.agents.provider import current_model
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime import (
    Account,
    Budget,
    History,
    ModelHandle,
    Shelf,
    conceal_history,
    dump_history,
    load_history,
    pruned,
    run_agent,
    turn_of,
    without_refused,
)
from backdesk.agents.team import Team
from backdesk.platform.deployment import Deployment, deployment
from backdesk.quality.contract import QualityReport
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.memory.conversation import Conversation

R = TypeVar("R", bound=AgentResult)


async def answer(
    ctx: TaskContext, team: Team[C], request: AgentRequest, context: C | None = None, *, done: float = 0.0
) -> Exchange[C]:
    """Have a team answer a message, from where a former attempt stopped.

    `context` says what the kind itself knows; the fields that are set in it go before what the conversation brought.
    `done` is the part of the job that is behind it already: progress goes on from there.
    Raises ModelFailure, TaskError for a conversation that is another customer's, and what budgets and limits raise.
    """
    here = deployment()
    desk = desk_for(ctx, here, request)
    past = await ctx.recall(desk.conversation_id, owner=desk.customer_id, newest=team.memory.max_turns)
    past.check_open()
    given = {name: getattr(context, name) for name in context.model_fields_set} if context is not None else {}
    desk.context = team.known(past).model_copy(update=given)
    exchange = _begin(ctx, here, team, desk, past, done=done)
    await exchange.run(request.message)
    await exchange.remember(ctx)
    return exchange


def desk_for(ctx: TaskContext, here: Deployment, request: AgentRequest) -> Desk:
    """Set up the desk of the job at hand."""
    return Desk(
        here.database,
        ctx.tenant,
        request.customer_id,
        ctx.idempotency_key,
        here.settings,
        conversation_id=request.conversation_id or ctx.job_id,
        flagged=tuple(dict.fromkeys(name for names in ctx.flagged.values() for name in names)),
        system=ctx.system,
    )


def _begin(
    ctx: TaskContext, here: Deployment, team: Team, desk: Desk, past: Conversation, *, done: float
) -> Exchange[Any]:
    questions = len(list(takewhile(lambda turn: turn.asked, reversed(past.turns))))
    settings, reporter = here.settings, Reporter(ctx, team.conceal)
    reporter.fraction = done
    journal = Journal(ctx, desk, reporter, settings.approval_within_s, cheaper=settings.cheaper_model is not None)
    bookmark = journal.open()
    reporter.stage(0.05, "Going on where the work stopped" if bookmark else "Reading the message")
    budget = Budget(
        requests=settings.max_model_requests,
        tool_calls=settings.max_tool_calls,
        tool_timeout_s=settings.tool_timeout_s,
        spent=bookmark.usage if bookmark else ModelUsage(cost_usd=0.0),
    )
    reporter.spent(budget.spent)
    model = current_model(settings, team.rules)
    said = [message for turn in past.turns for message in load_history(turn.messages)]
    return Exchange(
        team=team,
        desk=desk,
        model=model,
        budget=budget,
        account=Account(ctx, settings.max_answer_tokens),
        gates=[FleetLimits(ctx), reporter.stopwatch],
        reporter=reporter,
        journal=journal,
        shelf=ctx,
        said=pruned(said, team.memory, model.estimates.input_tokens) if desk.context.recalls else [],
        turn=load_history(bookmark.messages) if bookmark else [],
        begins_with=_first(team, past),
        may_ask=questions < team.most_questions,
        max_handoffs=settings.max_handoffs,
    )


def _first(team: Team, past: Conversation) -> str:
    """Return who gets the message: whoever has asked gets the answer, and so does who was active, where that stays."""
    last: str = past.facts.get("agent", "")
    goes_on = past.facts.get("team") == team.name and (team.stays or past.asked)
    return last if goes_on and any(card.name == last for card in team.agents) else team.first.name


@dataclass(slots=True)
class Exchange(Generic[C]):
    """One message on its way through the agents."""

    team: Team
    desk: Desk[C]
    model: ModelHandle
    budget: Budget
    account: Account
    gates: Sequence[Gate]
    reporter: Reporter
    journal: Journal
    shelf: Shelf
    #: What was said before this message, and since; without the latter the message is still to be given to an agent.
    said: History
    turn: History
    begins_with: str
    may_ask: bool
    max_handoffs: int
    output: str | Question = ""

    @property
    def path(self) -> list[str]:
        """The agents in the order in which they worked; the last one is active."""
        return [transfer.agent for transfer in self.desk.transfers]

    @property
    def context(self) -> C:
        """What the agents know in the end."""
        return self.desk.context

    async def run(self, message: str) -> None:
        """Let agents work until one answers or asks. Raises ModelFailure."""
        if not self.path:
            self._activate(Transfer(self.begins_with, None, "a new message"))
        while isinstance(output := await self._run(None if self.turn else message), HandOver):
            self._activate(Transfer(output.to, self.path[-1], output.reason))
        self.output = output

    def _activate(self, transfer: Transfer) -> None:
        self.desk.transfers.append(transfer)
        self.reporter.agent_changed(transfer)
        self.reporter.stage(0.1 if transfer.previous is None else 0.3, self.team.agent(transfer.agent).duty)

    async def _run(self, prompt: str | None) -> str | HandOver | Question:
        # The last agent in line can no longer pass the conversation on.
        card = self.team.agent(self.path[-1])
        output, messages = await run_agent(
            card,
            model=self.model,
            account=self.account,
            gates=self.gates,
            desk=self.desk,
            prompt=prompt,
            history=[*self.said, *self.turn],
            may_ask=self.may_ask and card.asks,
            may_hand_over=len(self.path) <= self.max_handoffs,
            budget=self.budget,
            watcher=self.reporter,
            journal=self.journal,
            shelf=self.shelf,
        )
        self.turn = turn_of(messages)
        return output

    async def remember(self, ctx: TaskContext) -> None:
        """Keep what was said, for the next message of the conversation."""
        self.reporter.stage(0.95, "Keeping the conversation")
        asked = isinstance(self.output, Question)
        known = self.desk.context.carried().model_dump(mode="json")
        facts = {"team": self.team.name, "agent": self.path[-1], "context": known}
        turn = conceal_history(dump_history(without_refused(self.turn)), self.team.conceal)
        await ctx.remember(self.desk.conversation_id, turn, owner=self.desk.customer_id, facts=facts, asked=asked)
        if isinstance(self.output, Question):  # it came as a tool call, which is not streamed
            self.reporter.text(self.output.question, begins=True)

    def result(self, model: type[R], **more: Any) -> R:
        """Put together what the caller gets; `more` are the fields that only this kind has."""
        last = self.budget.model or self.model.name
        fallback = self.model.fallback
        return model(
            answer=self.output.question if isinstance(self.output, Question) else self.output,
            agent=self.path[-1],
            path=self.path,
            actions=list(self.desk.actions),
            clarifying=isinstance(self.output, Question),
            conversation_id=self.desk.conversation_id,
            usage=self.budget.spent,
            model=last,
            offline=self.model.offline,
            quality=self._quality(),
            degraded="fallback_model" if fallback is not None and last == fallback.name else None,
            **more,
        )

    def _quality(self) -> QualityReport | None:
        reviewed = isinstance(self.output, str) and self.team.agent(self.path[-1]).quality is not None
        return self.journal.quality if reviewed else None
