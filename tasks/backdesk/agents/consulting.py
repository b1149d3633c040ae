"""Agents that answer one text by their type, as steps of a job: what a pipeline of several agents is made of.

An exchange has one conversation, whose agents take turns, and keeps all that was said. A consultation keeps nothing but
what came of it: any number of agents are asked in one job, also side by side, each once in its life.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from backdesk.agents.card import Agent
from backdesk.agents.contract import ModelUsage
from backdesk.agents.desk import Context, Desk
from backdesk.agents.exchange import around_of
from backdesk.agents.failures import ASKED_ANEW, ModelFailure
from backdesk.agents.journal import Journal
from backdesk.agents.provider import current_model
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime import answer_by_type
from backdesk.agents.situation import Reply, Say, Situation
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError

Out = TypeVar("Out", bound=BaseModel)

#: What rules call next, None when they answer.
Calls = Callable[[Situation], Reply | None]
#: How many calls of its tools an agent may make for one answer, unless its limits say otherwise.
MOST_CALLS = 10
#: What the rules say to the request that is being made where no model is configured.
_rules: ContextVar[tuple[Callable[[], BaseModel], Calls | None]] = ContextVar("backdesk_rules")


class Consulted(BaseModel, Generic[Out]):
    """What an agent has answered, and what that took.

    `by_rules` says that the rules answered in place of a model that did not answer by its type.
    """

    output: Out
    usage: ModelUsage
    model: str
    offline: bool
    by_rules: bool = False


class Consultation:
    """The agents that one attempt consults.

    `keeps_requests=False` has what is sent to models not kept with the job, where that is large and found elsewhere.
    `context` is what their tools know besides the arguments.
    """

    def __init__(self, ctx: TaskContext, *, keeps_requests: bool = True, context: Context | None = None) -> None:
        here = deployment()
        self._ctx = ctx
        self._desk: Desk[Any] = Desk(here.database, ctx.tenant, None, ctx.idempotency_key, here.settings)
        self._desk.context = context or Context()
        self._reporter = Reporter(ctx, keeps_requests=keeps_requests)
        journal = Journal(ctx, self._desk, self._reporter, cheaper=False)
        self._around = around_of(ctx, self._desk, self._reporter, journal)

    @property
    def usage(self) -> ModelUsage:
        """What the answers have taken so far, those of former attempts included."""
        return self._around.budget.spent

    async def ask(
        self, card: Agent[Out], text: str, *, key: str, rules: Callable[[], Out], calls: Calls | None = None
    ) -> Consulted[Out]:
        """Have an agent answer a text by its output type; once in the life of the job for each key.

        The agent gets its instructions, the text and its tools, and nobody to hand over to. All of it is one step, and
        made anew by an attempt after a crash: so its tools are pure, or idempotent by `desk.key`, and call no jobs.
        They may be called `limits.tool_calls` times, or MOST_CALLS. Where no model is configured, `calls` says which
        tools are called first, until it returns None. `rules` answer where no model is configured, and in place of one
        that does not answer by the type, or will not.
        Raises ModelFailure, what tools raise, what budgets and limits raise, and ConfigurationError for other tools.
        """
        if barred := [each.name for each in card.tools if not each.can_be_left]:
            raise ConfigurationError(f"{card.name!r} is consulted, and cannot have tools like {', '.join(barred)}")
        asked = partial(self._ask, card, text, rules, calls)
        returns = Consulted[card.output]  # type: ignore[name-defined]  # known at run time
        found: Consulted[Out] = await self._ctx.step(key, asked, effect=Effect.PURE, returns=returns)
        self._around.budget.beside[key] = found.usage
        self._reporter.spent(self._around.budget.spent)
        return found

    async def _ask(self, card: Agent[Out], text: str, rules: Callable[[], Out], calls: Calls | None) -> Consulted[Out]:
        assert card.output is not None, f"the agent {card.name!r} has no output type, and could not be read again"  # noqa: S101 - of the author's making
        model = current_model(self._desk.settings, _by_rules, card.model)
        answer = partial(Consulted[card.output], model=model.name, offline=model.offline)  # type: ignore[name-defined]  # as above
        _rules.set((rules, calls))
        try:
            output, usage = await answer_by_type(
                card.output,
                card.prompt(self._ctx.job_id),
                text,
                name=card.name,
                model=model,
                around=self._around,
                temperature=card.temperature,
                most_tokens=card.limits.answer_tokens,
                tools=card.tools,
                most_calls=(card.limits.tool_calls or MOST_CALLS) if card.tools else 0,
            )
        except ModelFailure as failure:
            if failure.code not in ASKED_ANEW:
                raise
            return answer(output=rules(), usage=failure.used or ModelUsage(), by_rules=True)
        return answer(output=output, usage=usage)


def _by_rules(now: Situation) -> Reply:
    answer, calls = _rules.get()
    return (calls(now) if calls else None) or Say(answer())
