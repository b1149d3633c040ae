"""The kind `parcels.help`: where a parcel is."""

from backdesk.agents import Agent, AgentRequest, AgentResult, Desk, agent_task, answer, tool
from backdesk.worker import TaskContext

PARCELS = {17: "in Hamburg", 18: "at the door"}


@tool("pure")
async def look_up_parcel(desk: Desk, number: int) -> str:
    """Look up where a parcel is."""
    return PARCELS.get(number, "unknown")


CLERK = Agent("clerk", "You tell customers where their parcels are.", tools=(look_up_parcel,))


@agent_task("parcels.help")
async def parcels_help(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, CLERK, request)
