"""The kind `team.route`: whose field a message is, and the answer of that specialist.

The decision is a step of the job: later attempts keep to it, whatever has been registered meanwhile.
"""

from __future__ import annotations

from backdesk.agents import Team, agent_task, converse
from backdesk.agents.specialists import specialists
from backdesk.kinds.route import shipped  # noqa: F401 - registers the specialists that ship
from backdesk.kinds.route.contract import RouteRequest, RouteResult
from backdesk.kinds.route.decision import Decision, decide, specialist_named
from backdesk.kinds.route.gates import with_gate
from backdesk.service.apology import apology
from backdesk.worker.attempt.context import TaskContext

NAME = "route"
SHIPPED = Team(NAME, tuple(with_gate(each.card) for each in specialists()))


@agent_task("team.route", agents=SHIPPED, fallback=apology(RouteResult, SHIPPED))
async def team_route(ctx: TaskContext, request: RouteRequest) -> RouteResult:
    """Send a message to the specialist whose field it is, and have it answered."""
    active = await _active(ctx, request)
    new = not ctx.finished("route")
    decision: Decision = await ctx.step("route", decide, ctx, request, active, effect="pure", returns=Decision)
    if new:
        ctx.emit("routed", **decision.model_dump(exclude={"usage"}))
    whom = specialist_named(decision.specialist)
    exchange = await converse(ctx, Team(NAME, (with_gate(whom.card),), rules=whom.rules), request, done=0.1)
    exchange.around.budget.beside["route"] = decision.usage
    exchange.reporter.spent(exchange.around.budget.spent)
    return exchange.result(RouteResult, **decision.model_dump(exclude={"usage"}))


async def _active(ctx: TaskContext, request: RouteRequest) -> str | None:
    if request.conversation_id is None:
        return None
    past = await ctx.recall(request.conversation_id, owner=request.customer_id, newest=1)
    return str(past.facts.get("agent")) if past.facts.get("team") == NAME else None
