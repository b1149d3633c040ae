"""Agents of rules that call tools which only wait, for what the runtime adds to the time of the tools."""

from __future__ import annotations

import asyncio

from backdesk.agents import (
    Agent,
    AgentRequest,
    AgentResult,
    Call,
    Desk,
    Reply,
    Say,
    Situation,
    Team,
    agent_task,
    answer,
    tool,
)
from backdesk.agents.specialists import Specialist, register_specialist
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.contract import ModelCheck, RequestCheck

#: What the tool waits, and how often it is called. Seconds.
WAIT_S, CALLS = 1.0, 10
PARALLEL = "bench.parallel_tools"
AT_ONCE, ONE_BY_ONE, WARM_UP = "at once", "one by one", "warm up"


@tool("pure")
async def wait(_desk: Desk, number: int) -> int:
    """Wait as for a network."""
    await asyncio.sleep(WAIT_S)
    return number


def rules(situation: Situation) -> Reply:
    """Have all calls made, in one response or in ten."""
    if (made := len(situation.replies)) == CALLS or situation.message == WARM_UP:
        return Say("All have waited.")
    numbers = range(CALLS) if situation.message == AT_ONCE else [made]
    return tuple(Call("wait", {"number": number}) for number in numbers)


TEAM = Team("waiting", (Agent("waiting", "You wait.", tools=(wait,)),), rules=rules)


@agent_task(PARALLEL)
async def parallel(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    """Have an agent call a tool ten times."""
    return await answer(ctx, TEAM, request)


#: How long each of the experts thinks, the slowest last. Seconds.
THINKS_S = tuple(1.0 + 0.2 * number for number in range(10))
EXPERTS = tuple(f"expert_{number}" for number in range(len(THINKS_S)))


def _register(name: str, seconds: float) -> None:
    @tool("pure", name="think", description="Think as a model does.")
    async def think(_desk: Desk) -> str:
        await asyncio.sleep(seconds)
        return "thought"

    def decide(situation: Situation) -> Reply:
        return Say(f"Yes, {seconds:g} days.") if situation.replies else (Call("think", {}),)

    card = Agent(name, "You think.", tools=(think,))
    register_specialist(Specialist(name, card, about="Thinking", rules=decide), team="collaborate")


for _name, _seconds in zip(EXPERTS, THINKS_S, strict=True):
    _register(_name, _seconds)

CHECKS: dict[str, RequestCheck] = {
    PARALLEL: ModelCheck(REGISTRY[PARALLEL].queue, AgentRequest),
}
