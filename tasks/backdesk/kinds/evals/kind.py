"""The kind `evals.conversation`: a golden conversation is held with a kind, turn by turn, each a job of its own.

Whoever is evaluated does not know it: the messages go the way of any customer's, through the queue, the workers and the
configured model. A turn that ends otherwise than it must does not end the conversation, so that a report tells all.
"""

from __future__ import annotations

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
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.model.child import ChildEnd


@task("evals.conversation", queue="agents")
async def evaluate(ctx: TaskContext, golden: GoldenConversation) -> ConversationReport:
    """Hold a conversation with a kind, and tell what of it came otherwise than it must."""
    turns: list[TurnOutcome] = []
    faults: list[Fault] = []
    last: dict[str, Any] = {}
    for number, turn in enumerate(golden.turns, 1):
        ctx.progress((number - 1) / len(golden.turns), f"turn {number} of {len(golden.turns)}")
        request = _request(ctx, golden, turn, last)
        end = await ctx.call(golden.kind, request, key=f"turn-{number}")
        last = end.result or {}
        came = outcome_of(end, await _tools(ctx, request, last))
        turns.append(came)
        faults += [Fault(turn=number, check=check, problem=why) for check, why in problems(turn.expect, came)]
    costs = [turn.cost_usd for turn in turns]
    return ConversationReport(
        name=golden.name,
        kind=golden.kind,
        passed=not faults,
        faults=faults,
        turns=turns,
        requests=sum(turn.requests for turn in turns),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        model=last.get("model"),
        offline=bool(last.get("offline")),
    )


def _request(ctx: TaskContext, golden: GoldenConversation, turn: GoldenTurn, last: dict[str, Any]) -> dict[str, Any]:
    here = {"conversation_id": f"{ctx.job_id}", "message": turn.say}
    number = (last.get("proposal") or {}).get("number")
    pressed: dict[str, Any] = {turn.decide: number} if turn.decide and number else {}
    return {**golden.fields, **here, **turn.fields, **pressed}


async def _tools(ctx: TaskContext, request: dict[str, Any], result: dict[str, Any]) -> list[str]:
    """Return the tools that were called since the customer wrote, as the conversation has them."""
    customer = (result.get("customer") or {}).get("user_id") or request.get("customer_id")
    try:
        past = await ctx.recall(request["conversation_id"], owner=customer, newest=1)
    except TaskError:  # another customer: nothing of theirs was said
        return []
    return tools_of(past)


def tools_of(past: Conversation) -> list[str]:
    """Return the tools that the last turn of a conversation called, in their order."""
    messages = past.turns[-1].messages if past.turns else []
    parts = [part for message in messages if isinstance(message, dict) for part in message.get("parts", ())]
    return [str(part.get("tool_name")) for part in parts if part.get("part_kind") == "tool-call"]


def outcome_of(end: ChildEnd, tools: list[str]) -> TurnOutcome:
    """Say what came of a turn, by how its job ended."""
    if not end.ok or not isinstance(end.result, dict):
        code = end.error.code if end.error else str(end.state)
        return TurnOutcome(job_id=end.job_id, outcome="failed", code=code, tools=tools)
    result = end.result
    usage = result.get("usage") or {}
    return TurnOutcome(
        job_id=end.job_id,
        outcome=_outcome(result),
        answer=str(result.get("answer", "")),
        code=result.get("failure"),
        agent=result.get("agent"),
        tools=tools,
        actions=result.get("actions") or [],
        requests=usage.get("requests", 0),
        cost_usd=usage.get("cost_usd"),
    )


def _outcome(result: dict[str, Any]) -> Outcome:
    if result.get("degraded") == "fallback_answer":
        return "fallback"
    if result.get("proposal"):
        return "proposal"
    return "question" if result.get("clarifying") else "answer"
