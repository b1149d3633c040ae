"""What the agents of one job leave for the attempts after this one, by the means of the engine.

Where they are goes into the job's checkpoint, at every response of the model, and before a request that says more than
what tools have returned; what a tool has done goes into its ledger, under the call's own key. So the next attempt
begins at the last response, and finds there the calls that are done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel

from backdesk.agents.card import ASK, GIVE_ANSWER, HAND_OVER, OUTPUTS, Agent
from backdesk.agents.contract import Action, AnyAction, ModelUsage, PromptUsed
from backdesk.agents.desk import Desk, Transfer
from backdesk.agents.effects import action_of, effects_of
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.prompts import Prompt
from backdesk.agents.proposals import records
from backdesk.agents.proposals.permission import run_on
from backdesk.agents.proposals.records import NewProposal, plain
from backdesk.agents.proposals.terms import Proposed, Terms
from backdesk.agents.proposals.verdict import Verdict
from backdesk.agents.reporter import Reporter
from backdesk.agents.running_call import CallWaits, NotInTime
from backdesk.agents.tools import Consent, Tool
from backdesk.quality.contract import QualityReport, Review
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.model.asks import Answer
from backdesk.worker.model.budget import Amount

#: Under which names the body leaves to its fallback how its last draft was reviewed, and the desk of its agents.
QUALITY, DESK = "quality", "desk"


class Bookmark(BaseModel):
    """Where a job's agents are. Each version of this code must read what the one before it wrote."""

    #: What this job has added to the conversation, in the agent library's own format.
    messages: list[Any]
    transfers: list[Transfer]
    actions: list[AnyAction] = []
    #: By which prompts models were asked.
    prompts: list[PromptUsed] = []
    #: What had been used when the last request to the model began.
    usage: ModelUsage = ModelUsage()
    #: What was used beside the agents' own requests, by what it was about.
    beside: dict[str, ModelUsage] = {}
    #: What was known then, as the desk's context.
    context: dict[str, Any] = {}
    fraction: float = 0.0
    #: When what the customer said came that is in the messages besides what the job began with.
    steered: list[datetime] = []
    proposed: Proposed | None = None
    #: Behind how many messages a response was of no use.
    stuck_at: int | None = None


class Journal:
    """The memory of one job's agents."""

    def __init__(
        self,
        context: TaskContext,
        desk: Desk,
        reporter: Reporter,
        *,
        cheaper: bool,
        waives_below_cents: int | None = None,
        team: str = "",
        tools: Iterable[Tool[..., Any]] = (),
    ) -> None:
        self._context = context
        self._desk = desk
        self._reporter = reporter
        #: Whether there is a cheaper model, by which a job goes on that has spent its budget.
        self._cheaper = cheaper
        #: Whether a request, as JSON, says nothing that this job cannot answer too.
        self.accepts: Callable[[Any], bool] = lambda _request: False
        #: When the messages came that the agents have been told of while they worked.
        self.steered: set[datetime] = set()
        self._waives_below_cents = waives_below_cents
        self._team = team
        tools = [*tools]
        self._tools = {tool.name: tool for tool in tools}
        self._binding = [tool for tool in tools if tool.terms is not None]
        #: Whether customers must agree to calls of a tool.
        self.binds = bool(self._binding)
        idle = (tool.name for tool in tools if (tool.terms is None if self.binds else tool.effect is Effect.PURE))
        self._idle = {HAND_OVER, ASK, GIVE_ANSWER, *idle}
        #: What this attempt has done by those.
        self._made: list[Action] = []
        self._last: Bookmark | None = None
        self._stuck_at: int | None = None
        #: How the last answer came through the quality gate of its agent.
        self.quality: QualityReport | None = None
        #: What is done once, by its key.
        self._done: dict[str, Any] = {}

    def acts(self, tool: str, *, own: bool = True) -> bool:
        """Whether calls of a tool do what an answer may call done. Of one that is not its `own` team's nobody knows.

        Where customers must agree to some calls, these alone; else all that are not pure, and those of servers.
        """
        return tool not in (self._idle if own else OUTPUTS)

    def action(self, tool: str, returned: Any) -> Action | None:
        """Return what a call of a tool has done for the customer, by what it returned."""
        return action_of(self._tools[tool], returned) if tool in self._tools and self.acts(tool) else None

    def open(self) -> Bookmark | None:
        """Return where the last attempt was, None for the first one; desk and progress are as they were then."""
        if self._context.restored is None:
            return None
        bookmark = self._last = Bookmark.model_validate(self._context.restored)
        self.steered = {*bookmark.steered}
        self._stuck_at = bookmark.stuck_at
        self._desk.transfers[:] = bookmark.transfers
        self._desk.actions[:] = bookmark.actions
        self._desk.prompts[:] = bookmark.prompts
        self._desk.learn(**bookmark.context)
        self._desk.proposed = bookmark.proposed
        self._reporter.go_on(bookmark.fraction, bookmark.transfers)
        return bookmark

    def prompt_of(self, card: Agent) -> Prompt:
        """Return by which prompt an agent works: of the variant with which the job has begun, if there still is one."""
        begun = next((used.variant for used in reversed(self._desk.prompts) if used.agent == card.name), None)
        same = next((prompt for prompt in card.prompts if prompt.variant == begun), None) if begun else None
        return same or card.prompt(self._desk.conversation_id)

    @property
    def leaves(self) -> bool:
        """Whether the job is to go on elsewhere: the next `keep` ends the attempt."""
        return self._context.draining

    async def keep(self, messages: list[Any], usage: ModelUsage, beside: dict[str, ModelUsage]) -> None:
        """Keep where the agents are now. Raises LeavingNow when the job goes on elsewhere."""
        self._last = Bookmark(
            messages=messages,
            transfers=self._desk.transfers,
            actions=self._desk.actions,
            prompts=self._desk.prompts,
            usage=usage,
            beside=beside,
            context=self._desk.context.model_dump(mode="json"),
            fraction=self._reporter.fraction,
            steered=sorted(self.steered),
            proposed=self._desk.proposed,
            stuck_at=self._stuck_at,
        )
        await self._context.checkpoint(self._last)

    async def stuck(self, messages: list[Any] | None, usage: ModelUsage, beside: dict[str, ModelUsage]) -> bool:
        """Note that a response was of no use, and return whether one was at the same place before.

        The next attempt goes on with these messages, which are without it; with none it goes on where it was.
        """
        at = len(self._last.messages if messages is None and self._last else messages or ())
        again, self._stuck_at = at == self._stuck_at, at
        if messages is not None:
            await self.keep(messages, usage, beside)
        elif self._last is not None:
            self._last = self._last.model_copy(update={"stuck_at": at})
            await self._context.checkpoint(self._last)
        return again

    async def hear(self) -> Collection[tuple[datetime, str]]:
        """Return what the customer has written since the agents were told last, with the time of each, oldest first.

        What a former attempt has taken and not told of is among it.
        """
        if not self._context.steered:
            return []
        messages = await self._context.messages(self.accepts)
        # Two that are taken at once have the same time.
        timed = [(each.at + timedelta(microseconds=nth), each) for nth, each in enumerate(messages)]
        new = [(at, str(each.request["message"])) for at, each in timed if at not in self.steered]
        self.steered |= {at for at, _ in new}
        return new

    async def reviewed(self, agent: str, review: Review, corrections: int, *, answer: str | None) -> None:
        """Note what the gate of an agent said of a draft; `answer` is what watchers have not seen and may if it passed.

        Told again by an attempt that finds the draft of a former one.
        """
        # Results are kept for days: of what passed, the names say little.
        found = [check for check in review.checks if not check.passed]
        told = review.model_copy(update={"checks": found})
        self.quality = QualityReport(outcome="passed", corrections=corrections, review=told)
        self._context.aside[QUALITY] = self.quality
        self._reporter.reviewed(agent, review, corrections)
        if review.passed and answer is not None:
            self._reporter.text(answer, begins=True)

    def binding(self) -> list[Action]:
        """Return what this job has done of what customers must agree to, and so must hear of."""
        found = [*effects_of(self._context, self._binding), *self._made]
        return [action for at, action in enumerate(found) if action not in found[:at]]

    async def call(
        self,
        tool: Tool[..., Any],
        key: str,
        args: dict[str, Any],
        run: Callable[[], Awaitable[Any]],
    ) -> Any:
        """Have a tool called once in the life of the job, with a person's consent if it needs that.

        One that has terms is called only when the customer has agreed to them; until then it is proposed to them.
        Raises Suspended and LeavingNow, as a step does, SpendingRefused when a budget allows no more calls, and
        NotInTime for a call that is left behind, in this attempt and all after it.
        """
        if self._context.finished(_late(key)):
            raise NotInTime(self._context.finished_steps()[_late(key)])
        if tool.beyond_rules(self._desk) and not self._context.finished(key):
            return NO_RULES_FOR_THAT
        if tool.terms is not None and not self._context.finished(key):
            terms = await tool.terms(self._desk, **args)
            if (held := await self._hold(tool, key, args, terms)) is not None:
                return held
            run = partial(run_on, terms if isinstance(terms, Terms) else None, run)
        consent = await tool.consent(self._desk, **args) if tool.consent else None
        if consent is not None and not (answer := await self._ask(key, consent)).approved:
            return _denied(answer)
        await self._pay(tool, key)
        try:
            outcome = await self._context.step(key, run, effect=tool.effect, returns=tool.returns)
        except CallWaits:
            # The same call is made anew, and is not another one. A replay, which has the entry too, pays for itself.
            self._context.leave(_paid(key), self._context.job_id)
            raise
        except NotInTime as late:
            # Later attempts go on without it as well, in place of waiting for it again.
            await self._context.step(_late(key), partial(_seconds, late.after_s), effect=Effect.PURE)
            raise
        # From the outcome, not by the tool itself: what a former attempt has called is not called again.
        if isinstance(outcome, ToolOutcome):
            self._note(outcome, binding=tool.terms is not None)
        return outcome

    async def _hold(
        self, tool: Tool[..., Any], key: str, args: dict[str, Any], terms: Terms | Refusal | None
    ) -> Proposed | Refusal | None:
        """Return what a call comes to that must not be made; None for one that may."""
        if not isinstance(terms, Terms):
            return terms
        if self._is_declined(tool, terms):
            return JUST_DECLINED
        if self._is_agreed(tool, args, terms) or self._is_waived(terms):
            return None
        step = f"propose:{key}"
        await self._pay(tool, step)
        new = NewProposal(key, self._team, self._desk.transfers[-1].agent, tool.name, terms.args or args, terms)
        propose = partial(self._desk.database.in_thread, partial(records.propose, self._desk, new))
        proposed: Proposed = await self._context.step(step, propose, effect=Effect.IDEMPOTENT, returns=Proposed)
        self._desk.propose(proposed)
        return proposed

    def _is_agreed(self, tool: Tool[..., Any], args: dict[str, Any], terms: Terms) -> bool:
        agreed = self._desk.agreed
        call = (tool.name, plain(args), plain(terms.facts))
        return agreed is not None and (agreed.tool, agreed.args, agreed.facts) == call

    def _is_declined(self, tool: Tool[..., Any], terms: Terms) -> bool:
        heard = self._desk.heard
        if heard is None or heard.verdict is not Verdict.DECLINE:
            return False
        return (heard.proposal.tool, heard.proposal.facts) == (tool.name, plain(terms.facts))

    def _is_waived(self, terms: Terms) -> bool:
        limit, amount = self._waives_below_cents, terms.amount_cents
        return limit is not None and amount is not None and amount < limit

    async def _pay(self, tool: Tool[..., Any], step: str) -> None:
        if not self._context.finished(step) and self._context.left(_paid(step)) != self._context.job_id:
            await self._context.spend(Amount(tool_calls=1), purpose=f"the tool {tool.name}", cheaper=self._cheaper)

    async def once(self, key: str, run: Callable[[], Awaitable[Any]], returns: Any) -> Any:
        """Have done once in the life of the job what changes nothing; `returns` is the type of what it returns."""
        if key not in self._done:
            self._done[key] = await self._context.step(key, run, effect=Effect.PURE, returns=returns)
        return self._done[key]

    def _note(self, outcome: ToolOutcome, *, binding: bool) -> None:
        if (action := outcome.action()) is not None:
            self._desk.did(action)
            if action.counts:
                self._context.measure(action.counts, 1)
            self._made += [action] if binding else []
        if learned := outcome.learned():
            self._desk.learn(**learned)

    async def _ask(self, key: str, consent: Consent) -> Answer:
        within = self._desk.settings.approval_within_s
        return await self._context.approval(key, consent.prompt, within=within, human_only=True, **consent.facts)


#: What the offline model hears of a call that it may not make.
NO_RULES_FOR_THAT = Refusal(
    refused="That cannot be done now: no model is configured, and rules alone change nothing outside of sample data. "
    "A person can do it for you."
)

#: What a model hears that proposes what the same message has declined.
JUST_DECLINED = Refusal(refused="The customer has just declined that. It may be proposed when they ask for it again.")


def _paid(key: str) -> str:
    return f"paid:{key}"


def _late(key: str) -> str:
    return f"late:{key}"


def _seconds(value: float) -> float:
    return value


def _denied(answer: Answer) -> Refusal:
    reason = f": {answer.note}" if answer.note else "."
    return Refusal(refused=f"It needs the approval of a colleague, who did not give it{reason}")
