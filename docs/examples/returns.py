"""A kind whose agent answers by a model of its author's."""

import re

from pydantic import BaseModel, Field

from backdesk.agents import Agent, AgentRequest, AgentResult, Say, Situation, Team, agent_task, answer
from backdesk.worker import TaskContext


class Slip(BaseModel):
    """What goes into the parcel of a return."""

    order: int = Field(description="The number of the order.")
    reason: str = Field(description="Why it is sent back, in the customer's words.")
    unused: bool = False


CLERK = Agent("clerk", "Write down what the customer says of what they send back.", output=Slip)


def rules(now: Situation) -> Say:
    """Stand in for a model where none is configured."""
    return Say(Slip(order=int(re.sub(r"\D", "", now.message)), reason=now.message))


@agent_task("demo.return")
async def write_slip(ctx: TaskContext, request: AgentRequest) -> AgentResult[Slip]:
    """Write the slip of a return."""
    return await answer(ctx, Team("returns", (CLERK,), rules=rules), request)
