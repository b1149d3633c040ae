"""Lets the agents work on one message: triage first, then whoever the conversation is handed over to.

Agents do not call each other. One that hands over ends, and the runner starts the next on the same
conversation and desk, so that a job has one agent at a time and one place where handoffs are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.agents.card import AgentCard, HandOver, Question
from tasks.agents.reporter import Reporter
from tasks.agents.roster import FIRST, ROSTER
from tasks.agents.runtime import Budget, History, ModelHandle, run_agent
from tasks.contracts import SupportRequest, SupportResult
from tasks.conversations import Past
from tasks.desk import Desk, Transfer


@dataclass(slots=True)
class SupportRun:
    """One message on its way through the agents."""

    desk: Desk
    model: ModelHandle
    budget: Budget
    reporter: Reporter
    past: Past
    history: History
    max_handoffs: int
    path: list[str] = field(default_factory=list)

    async def answer(self, message: str) -> str | Question:
        """Let agents work until one answers or asks. Raises ModelFailure."""
        card, prompt, previous, reason = FIRST, message, None, "a new message"
        while True:
            self._activate(card, previous, reason)
            output = await self._run(card, prompt if previous is None else None)
            if not isinstance(output, HandOver):
                return output
            card, previous, reason = ROSTER[output.to], card.name, output.reason

    def _activate(self, card: AgentCard, previous: str | None, reason: str) -> None:
        transfer = Transfer(card.name, previous, reason)
        self.desk.transfers.append(transfer)
        self.path.append(card.name)
        self.reporter.agent_changed(transfer)
        self.reporter.stage(0.1 if previous is None else 0.3, card.duty)

    async def _run(self, card: AgentCard, prompt: str | None) -> str | HandOver | Question:
        # One question in a row; and the last agent in line can no longer pass the conversation on.
        output, self.history = await run_agent(
            card,
            model=self.model.model,
            desk=self.desk,
            prompt=prompt,
            history=self.history,
            may_ask=not self.past.asked,
            may_hand_over=len(self.path) <= self.max_handoffs,
            budget=self.budget,
            watcher=self.reporter,
        )
        return output

    def result(self, request: SupportRequest, output: str | Question) -> SupportResult:
        """Put together what the caller gets."""
        return SupportResult(
            answer=output.question if isinstance(output, Question) else output,
            agent=self.path[-1],
            path=self.path,
            actions=list(self.desk.actions),
            clarifying=isinstance(output, Question),
            conversation_id=request.conversation_id or self.desk.job_id,
            usage=self.budget.spent,
            model=self.model.name,
            offline=self.model.offline,
        )
