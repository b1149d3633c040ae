"""The little agent as kinds of ours: a body that calls pydantic-ai, and a durable agent."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel

from backdesk.agents import Agent, AgentRequest, AgentResult, Desk, agent_task, answer, tool
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.task import task
from backdesk.worker.model.contract import ModelCheck, RequestCheck
from benchmarks.peers import little_agent

BODY, DURABLE = "bench.body", "bench.agent"


class Answer(BaseModel):
    """What the body answers."""

    answer: str


@cache
def _bare() -> Any:
    return little_agent.make_agent()


@task(BODY)
async def body(_ctx: TaskContext, request: AgentRequest) -> Answer:
    """Run the little agent; a later attempt would run it again from its beginning."""
    return Answer(answer=(await _bare().run(request.message)).output)


@tool(effect="pure")
async def find_order(_desk: Desk, order_id: str) -> dict[str, str]:
    """Look an order up by its number."""
    return await little_agent.find_order(order_id)


AGENT = Agent(little_agent.NAME, little_agent.INSTRUCTIONS, tools=(find_order,))


@agent_task(DURABLE)
async def durable(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    """Let the same agent answer as agents of ours do: each turn is kept before the next, each call made once."""
    return await answer(ctx, AGENT, request)


CHECKS: dict[str, RequestCheck] = {kind: ModelCheck(REGISTRY[kind].queue, AgentRequest) for kind in (BODY, DURABLE)}
