"""One message and its answer: from what was said before, through the agents of a team, to what the caller gets.

Agents do not call each other. One that hands over ends, and the exchange starts the next on the same conversation and
desk, so that a job has one agent at a time and one place where handoffs are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from backdesk.agents.card import ASK, GIVE_ANSWER, HAND_OVER, HandOver, Question
from backdesk.agents.contract import AgentRequest, AgentResult, ModelUsage, ProposalShown, Source
from backdesk.agents.desk import C, Desk, Transfer
from backdesk.agents.embedding import Embedding
from backdesk.agents.hearing import hear, hear_without_model
from backdesk.agents.journal import Bookmark, Journal
from backdesk.agents.metering import FleetLimits
from backdesk.agents.prompts import VARIANTS
from backdesk.agents.proposals import records
from backdesk.agents.proposals.showing import SHOWS, is_asked, is_untold, moments_of
from backdesk.agents.proposals.verdict import Verdict
from backdesk.agents.provider import current_model, judge_model
from backdesk.agents.rating import CODE, Rating, rating_of
from backdesk.agents.remote.tools import RemoteTools
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime import (
    Account,
    Budget,
    History,
    ModelHandle,
    Output,
    Prompt,
    Surroundings,
    called_for,
    conceal_history,
    dump_history,
    is_cut_off,
    load_history,
    of_another_team,
    prompt_of,
    pruned,
    run_agent,
    sources_in,
    spoken_turn,
    tools_called,
    turn_of,
    whole_answers,
    without_refused,
    words_from,
    words_of_customer,
)
from backdesk.agents.team import Team
from backdesk.agents.with_person import FACT, PERSON, carried, is_with_person
from backdesk.quality.citations import citations_of
from backdesk.quality.contract import QualityReport
from backdesk.quality.gate import gate_for
from backdesk.quality.language import language_of
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.memory.conversation import Conversation, Turn

R = TypeVar("R", bound=AgentResult)


@dataclass(slots=True)
class Exchange(Generic[C]):
    """One message on its way through the agents."""

    team: Team[C]
    desk: Desk[C]
    around: Surroundings
    reporter: Reporter
    #: What was said before this message, and since; without the latter the message is still to be given to an agent.
    said: History
    turn: History
    begins_with: str
    may_ask: bool
    #: The model of the agent that is active.
    model: ModelHandle = field(init=False)
    output: Output = ""
    #: What the last turn carries on, of a conversation that a person has; the agents are silent then.
    held: dict[str, Any] = field(default_factory=dict)
    #: What the message answers, if that is how content the customer is; there is nothing for agents in it then.
    rating: Rating | None = None
    #: The variants of prompts by which agents have answered in the conversation before.
    tried: list[str] = field(default_factory=list)
    #: The number of what was proposed, if the last words to the customer show it.
    last_shown: str | None = None

    @classmethod
    def begin(cls, ctx: TaskContext, team: Team[C], desk: Desk[C], past: Conversation, *, done: float) -> Exchange[C]:
        """Begin with a message, or go on where a former attempt stopped. Raises ModelFailure when there is no model."""
        reporter = Reporter(ctx, team.conceal, prompts=desk.prompts)
        reporter.fraction = done
        journal = _journal(ctx, team, desk, reporter)
        bookmark = journal.open()
        reporter.stage(0.05, "Going on where the work stopped" if bookmark else "Reading the message")
        turn = load_history(bookmark.messages) if bookmark else []
        desk.told(*words_from(turn, journal.steered))
        exchange = cls(
            team=team,
            desk=desk,
            around=around_of(ctx, desk, reporter, journal, bookmark),
            reporter=reporter,
            said=[message for turn in past.turns for message in _loaded(turn, team.name)],
            turn=turn,
            begins_with=_first(team, past),
            rating=None if desk.attached else rating_of(past, desk.message),
            held={**carried(past), FACT: past.facts[FACT]} if is_with_person(past) else {},
            last_shown=past.facts.get(SHOWS),
            tried=past.facts.get(VARIANTS, []),
            may_ask=len(list(takewhile(lambda turn: turn.asked, reversed(past.turns)))) < team.most_questions,
        )
        reporter.spent(exchange.around.budget.spent)
        return exchange

    def __post_init__(self) -> None:
        """Choose the model that goes first, and what it gets to see of former turns. Raises ModelFailure."""
        self._choose_model(self.path[-1] if self.path else self.begins_with)
        tokens_of = self.model.estimates.input_tokens
        self.said = pruned(self.said, self.team.memory, tokens_of) if self.desk.context.recalls else []

    @property
    def path(self) -> list[str]:
        """The agents in the order in which they worked; the last one is active."""
        return [transfer.agent for transfer in self.desk.transfers]

    @property
    def context(self) -> C:
        """What the agents know in the end."""
        return self.desk.context

    @property
    def _prompt(self) -> Prompt:
        """The message, with the files that came with it."""
        return prompt_of(self.desk.message, self.desk.attached)

    async def hear(self, ctx: TaskContext, request: AgentRequest) -> None:
        """Find out what the message says to what was proposed before; what it agrees to is called for by this turn.

        Raises TaskError for the number of a proposal that cannot be answered, and what a request to a model raises.
        """
        if self.held or self.rating:
            await hear_without_model(self.desk, request)
            return
        heard, used = await hear(ctx, self.team, request, self.around, self.last_shown)
        self.desk.heard = heard
        if heard is None or self.turn:  # what an attempt has begun goes on
            return
        self.around.budget.add(used)
        if heard.verdict is not Verdict.OTHER:
            self.begins_with = heard.proposal.agent
        if (agreed := heard.agreed) is not None:
            self.turn = called_for(self._prompt, agreed.tool, agreed.args, agreed.number)

    async def run(self) -> None:
        """Let agents work until one answers or asks, unless a person has the conversation. Raises ModelFailure."""
        if self.rating:
            await self._take(self.rating)
            return
        if self.held:
            self.desk.transfers.append(Transfer(PERSON, None, "a person has the conversation"))
            if tells := self.held[FACT].get("tells"):  # a turn of a version before says nothing of it
                await self.desk.start(tells["kind"], tells["request"], PERSON)
            self.turn = words_of_customer(self._prompt)
            return
        if not self.path:
            self._activate(self.begins_with, None, "a new message")
        try:
            while isinstance(output := await self._run(None if self.turn else self._prompt), HandOver):
                self._activate(output.to, self.path[-1], output.reason)
        finally:
            await self.around.remote.close()
        self.output = self._showing(output)

    async def _take(self, rating: Rating) -> None:
        self.desk.transfers.append(Transfer(CODE, None, "the customer says how content they are"))
        await self.desk.start(rating.kind, rating.request, CODE)
        self.reporter.rated(rating.request["score"], rating.facts.get(VARIANTS, []))
        self.output, self.turn = rating.thanks, spoken_turn(self._prompt, rating.thanks)
        self.reporter.text(rating.thanks, begins=True)

    def _showing(self, output: Output) -> Output:
        """Return what the customer gets to read: with what was done and what was proposed, if it does not say that."""
        untold = [] if _is_structured(output) else [*self._untold(_text(output))]
        if not untold:
            return output
        more = "\n\n".join(untold)
        shown = f"{_text(output)}\n\n{more}".strip()
        if isinstance(output, Question):
            return Question(question=shown)
        self.reporter.text(more, begins=True)
        return shown

    def _untold(self, answer: str) -> Iterator[str]:
        """Yield what the customer must read whatever a model says: what they have agreed to, and are to agree to."""
        language = language_of(answer) or self.desk.language
        done = (action.sentence(language) for action in self.around.journal.binding())
        today, proposed = self.desk.database.today(), self.desk.proposed
        yield from (each for each in done if each and is_untold(each, answer, today))
        if proposed and not is_asked(proposed.proposed, answer, today, moments=moments_of(proposed.facts)):
            yield proposed.proposed

    def _activate(self, agent: str, previous: str | None, reason: str) -> None:
        used = self.around.budget.by_agents
        transfer = Transfer(agent, previous, reason, used.requests, used.tool_calls)
        self.desk.transfers.append(transfer)
        card = self.team.agent(agent)
        self.reporter.agent_changed(transfer, self.around.journal.prompt_of(card))
        self.reporter.stage(0.1 if previous is None else 0.3, card.duty)

    def _choose_model(self, agent: str) -> None:
        self.model = current_model(self.desk.settings, self.team.rules, self.team.agent(agent).model)

    async def _run(self, prompt: Prompt | None) -> Output:
        card = self.team.agent(self.path[-1])
        self._choose_model(card.name)
        output, messages = await run_agent(
            card,
            self.around,
            model=self.model,
            prompt=prompt,
            history=[*self.said, *self.turn],
            may_ask=self.may_ask and card.asks,
            # The last agent in line can no longer pass the conversation on.
            may_hand_over=len(self.path) <= self.desk.settings.max_handoffs,
        )
        self.turn = turn_of(messages, self.around.journal.steered)
        return output

    async def remember(self, ctx: TaskContext) -> None:
        """Keep what was said, for the next message of the conversation."""
        self.reporter.stage(0.95, "Keeping the conversation")
        asked = isinstance(self.output, Question)
        known = self.desk.context.carried().model_dump(mode="json")
        facts = (
            self.held
            or (self.rating and self.rating.facts)
            or {"team": self.team.name, "agent": self.path[-1], "context": known}
        )
        if tried := sorted({*self.tried, *ctx.usage.variants}):
            facts |= {VARIANTS: tried}
        if self.desk.proposed is not None:
            facts |= {SHOWS: self.desk.proposed.number}
        turn = conceal_history(dump_history(whole_answers(without_refused(self.turn))), self.team.conceal)
        if self.desk.proposed is not None:
            show = partial(records.show, self.desk, self.desk.proposed.number)
            await self.desk.database.in_thread(show)
        await ctx.remember(self.desk.conversation_id, turn, owner=self.desk.customer_id, facts=facts, asked=asked)
        if isinstance(self.output, Question):  # it came as a tool call, which is not streamed
            self.reporter.text(self.output.question, begins=True)

    def result(self, model: type[R], **more: Any) -> R:
        """Put together what the caller gets; `more` are the fields that only this kind has."""
        last = self.around.budget.model or self.model.name
        fallback = self.model.fallback
        return model(
            answer=_text(self.output),
            output=self.output if _is_structured(self.output) else None,
            agent=self.path[-1],
            path=self.path,
            actions=list(self.desk.actions),
            tools=self._tools(),
            sources=self._sources(),
            clarifying=isinstance(self.output, Question) or self.desk.proposed is not None,
            proposal=self._proposal(),
            with_person=bool(self.held),
            conversation_id=self.desk.conversation_id,
            prompts=list(self.desk.prompts),
            usage=self.around.budget.spent,
            model=last,
            offline=self.model.offline,
            quality=self._quality(),
            truncated=isinstance(self.output, str) and is_cut_off(self.turn),
            degraded="fallback_model" if fallback is not None and last == fallback.name else None,
            **more,
        )

    def _proposal(self) -> ProposalShown | None:
        if (made := self.desk.proposed) is None:
            return None
        return ProposalShown(number=made.number, statement=made.proposed, facts=made.facts, expires_at=made.expires_at)

    def _tools(self) -> list[str]:
        return [name for name in tools_called(self.turn) if name not in (ASK, HAND_OVER, GIVE_ANSWER)]

    def _sources(self) -> list[Source]:
        """Return what tools have returned for this message, and what the answer cites of before; never by its word."""
        cited = citations_of(_text(self.output))
        found = [*sources_in(self.turn), *(each for each in sources_in(self.said) if each.reference in cited)]
        return [each.model_copy(update={"cited": each.reference in cited}) for each in dict.fromkeys(found)]

    def _quality(self) -> QualityReport | None:
        if self.held or self.rating:  # no agent answers, and nothing was reviewed
            return None
        gate = gate_for(self.team.agent(self.path[-1]).quality, self.desk.wishes)
        return self.around.journal.quality if gate else None


def _loaded(turn: Turn, team: str) -> History:
    messages = load_history(turn.messages)
    return messages if turn.facts.get("team") in (None, team) else of_another_team(messages)


def _journal(ctx: TaskContext, team: Team, desk: Desk, reporter: Reporter) -> Journal:
    cheaper = desk.settings.cheaper_model is not None
    tools = dict.fromkeys(tool for card in team.agents for tool in card.tools)
    waives = team.waives_below_cents
    return Journal(ctx, desk, reporter, cheaper=cheaper, waives_below_cents=waives, team=team.name, tools=tools)


def around_of(
    ctx: TaskContext, desk: Desk, reporter: Reporter, journal: Journal, bookmark: Bookmark | None = None
) -> Surroundings:
    """Return what is around the requests of a job to models; what a former attempt has spent is in its bookmark."""
    settings = desk.settings
    budget = Budget(
        requests=settings.max_model_requests,
        tool_calls=settings.max_tool_calls,
        tool_timeout_s=settings.tool_timeout_s,
        spent=bookmark.usage if bookmark else ModelUsage(cost_usd=0.0),
        beside=bookmark.beside if bookmark else {},
    )
    desk.embed = Embedding(ctx, settings, reporter, budget.beside)
    return Surroundings(
        desk=desk,
        budget=budget,
        account=Account(ctx, settings.max_answer_tokens),
        gates=[FleetLimits(ctx), reporter.stopwatch],
        journal=journal,
        shelf=ctx,
        watcher=reporter,
        remote=RemoteTools(ctx, ask_within_s=settings.approval_within_s, timeout_s=settings.tool_timeout_s),
        judge=judge_model(settings),
    )


def _first(team: Team, past: Conversation) -> str:
    """Return who gets the message: whoever has asked gets the answer, and so does who was active, where that stays."""
    last: str = past.facts.get("agent", "")
    goes_on = past.facts.get("team") == team.name and (team.stays or past.asked)
    return last if goes_on and any(card.name == last for card in team.agents) else team.first.name


def _is_structured(output: Output) -> bool:
    return isinstance(output, BaseModel) and not isinstance(output, Question)


def _text(output: Output) -> str:
    match output:
        case Question(question=question):
            return question
        case BaseModel():
            return output.model_dump_json()
        case _:
            return output
