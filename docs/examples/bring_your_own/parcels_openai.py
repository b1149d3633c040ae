"""Agents of the OpenAI Agents SDK, and the line that makes a kind of job of them."""

from agents import Agent, function_tool

from openai_agents_backdesk import agent_job

PARCELS = {17: "in Hamburg", 18: "at the door"}


@function_tool
def look_up_parcel(number: int) -> str:
    """Look up where a parcel is."""
    return PARCELS.get(number, "unknown")


@function_tool(needs_approval=True)
def send_again(number: int) -> str:
    """Send a parcel that was lost once more."""
    return f"parcel {number} is sent again"


CLERK = Agent("clerk", instructions="You tell customers where their parcels are.", tools=[look_up_parcel, send_again])

agent_job(CLERK, kind="parcels.help", effects={"look_up_parcel": "pure"})
