"""An expert of `team.collaborate` that thinks for some seconds, for workers that are killed meanwhile."""

from __future__ import annotations

import asyncio

from backdesk.agents import Agent, Call, Desk, Reply, Say, Situation, tool
from backdesk.agents.specialists import Specialist, register_specialist

THINKS_S = 3.0


@tool("pure")
async def ponder(_desk: Desk) -> str:
    """Think for a while."""
    await asyncio.sleep(THINKS_S)
    return "pondered"


def rule(now: Situation) -> Reply:
    """Ponder, then answer."""
    return Say("No, 50 days.") if now.replies else (Call("ponder", {}),)


register_specialist(
    Specialist("patient", Agent("patient", "You ponder.", tools=(ponder,)), about="Pondering", rules=rule),
    team="collaborate",
)
