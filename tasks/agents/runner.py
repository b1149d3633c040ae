"""Lets the agents work on one message: triage first, then whoever the conversation is handed over to.

Agents do not call each other. One that hands over ends, and the runner starts the next on the same
conversation and desk, so that a job has one agent at a time and one place where handoffs are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.agents.card import HandOver, Question
from tasks.agents.journal import Journal
from tasks.agents.metering import Gate
from tasks.agents.reporter import Reporter
from tasks.agents.roster import FIRST, ROSTER
from tasks.agents.runtime import Account, Budget, History, ModelHandle, run_agent, turn_of
from tasks.contracts import SupportResult
from tasks.desk import Desk, Transfer


@dataclass(slots=True)
class SupportRun:
    """One message on its way through the agents."""

    desk: Desk
    model: ModelHandle
    budget: Budget
    account: Account
    gates: Sequence[Gate]
    reporter: Reporter
    journal: Journal
    #: What was said before this message, and since; without the latter the message is still to be given to an agent.
    past: History
    turn: History
    may_ask: bool
    max_handoffs: int

    @property
    def path(self) -> list[str]:
        """The agents in the order in which they worked; the last one is active."""
        return [transfer.agent for transfer in self.desk.transfers]

    async def answer(self, message: str) -> str | Question:
        """Let agents work until one answers or asks, from where the last attempt stopped. Raises ModelFailure."""
        if not self.path:
            self._activate(Transfer(FIRST.name, None, "a new message"))
        while True:
            output = await self._run(None if self.turn else message)
            if not isinstance(output, HandOver):
                return output
            self._activate(Transfer(output.to, self.path[-1], output.reason))

    def _activate(self, transfer: Transfer) -> None:
        self.desk.transfers.append(transfer)
        self.reporter.agent_changed(transfer)
        self.reporter.stage(0.1 if transfer.previous is None else 0.3, ROSTER[transfer.agent].duty)

    async def _run(self, prompt: str | None) -> str | HandOver | Question:
        # One question in a row; and the last agent in line can no longer pass the conversation on.
        output, messages = await run_agent(
            ROSTER[self.path[-1]],
            model=self.model,
            account=self.account,
            gates=self.gates,
            desk=self.desk,
            prompt=prompt,
            history=[*self.past, *self.turn],
            may_ask=self.may_ask,
            may_hand_over=len(self.path) <= self.max_handoffs,
            budget=self.budget,
            watcher=self.reporter,
            journal=self.journal,
        )
        self.turn = turn_of(messages)
        return output

    def result(self, conversation_id: str, output: str | Question) -> SupportResult:
        """Put together what the caller gets."""
        return SupportResult(
            answer=output.question if isinstance(output, Question) else output,
            agent=self.path[-1],
            path=self.path,
            actions=list(self.desk.actions),
            clarifying=isinstance(output, Question),
            conversation_id=conversation_id,
            usage=self.budget.spent,
            model=self.budget.model or self.model.name,
            offline=self.model.offline,
        )
