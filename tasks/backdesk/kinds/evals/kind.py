"""The kind `evals.conversation`: a golden conversation is held with a kind, turn by turn, each a job of its own.

Whoever is evaluated does not know it: the messages go the way of any customer's, through the queue, the workers and the
configured model. A turn that ends otherwise than it must does not end the conversation, so that a report tells all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from backdesk.kinds.evals.checks import problems
from backdesk.kinds.evals.contract import (
    ConversationReport,
    Fault,
    GoldenConversation,
    GoldenTurn,
    Outcome,
    TurnOutcome,
)
from backdesk.kinds.evals.judging import judged
from backdesk.kinds.evals.outbox import found_in
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.child import ChildEnd


@task("evals.conversation", queue="agents")
async def evaluate(ctx: TaskContext, golden: GoldenConversation) -> ConversationReport:
    """Hold a conversation with a kind, and tell what of it came otherwise than it must."""
    turns: list[TurnOutcome] = []
    faults: list[Fault] = []
    last: dict[str, Any] = {}
    for number, turn in enumerate(golden.turns, 1):
        ctx.progress((number - 1) / len(golden.turns), f"turn {number} of {len(golden.turns)}")
        request = await _request(ctx, golden, turn, last)
        budget = Budget.model_validate(turn.budget.model_dump(exclude_none=True)) if turn.budget else None
        end = await ctx.call(golden.kind, request, key=f"turn-{number}", budget=budget)
        last = end.result or {}
        turns.append(outcome_of(end))
        turns[-1] = came = await judged(ctx, list(zip(golden.turns, turns, strict=False)))
        faults += [Fault(turn=number, check=check, problem=why) for check, why in problems(turn.expect, came)]
    return ConversationReport(
        name=golden.name,
        kind=golden.kind,
        passed=not faults,
        faults=faults,
        turns=turns,
        requests=sum(turn.requests for turn in turns),
        cost_usd=_sum(turn.cost_usd for turn in turns),
        not_judged=sum(ruling.holds is None for turn in turns for ruling in turn.rulings),
        judge_cost_usd=_sum(turn.judge_cost_usd for turn in turns),
        model=last.get("model"),
        offline=bool(last.get("offline")),
    )


def _sum(costs: Iterable[float | None]) -> float | None:
    known = list(costs)
    return None if None in known else sum(cost for cost in known if cost is not None)


async def _request(
    ctx: TaskContext, golden: GoldenConversation, turn: GoldenTurn, last: dict[str, Any]
) -> dict[str, Any]:
    say = turn.say.replace("{sent}", await asyncio.to_thread(found_in, turn.sent)) if turn.sent else turn.say
    here = {"conversation_id": ctx.job_id, "message": say}
    number = (last.get("proposal") or {}).get("number")
    pressed: dict[str, Any] = {turn.decide: number} if turn.decide and number else {}
    return {**golden.fields, **here, **turn.fields, **pressed}


def outcome_of(end: ChildEnd) -> TurnOutcome:
    """Say what came of a turn, by how its job ended."""
    if not end.ok or not isinstance(end.result, dict):
        code = end.error.code if end.error else str(end.state)
        return TurnOutcome(job_id=end.job_id, outcome="failed", code=code)
    result = end.result
    usage = result.get("usage") or {}
    return TurnOutcome(
        job_id=end.job_id,
        outcome=_outcome(result),
        answer=str(result.get("answer", "")),
        code=result.get("failure"),
        agent=result.get("agent"),
        tools=result.get("tools") or [],
        actions=result.get("actions") or [],
        truncated=bool(result.get("truncated")),
        requests=usage.get("requests", 0),
        cost_usd=usage.get("cost_usd"),
    )


def _outcome(result: dict[str, Any]) -> Outcome:
    if result.get("degraded") == "fallback_answer":
        return "fallback"
    if result.get("proposal"):
        return "proposal"
    return "question" if result.get("clarifying") else "answer"
