"""Where a parcel is, in the OpenAI Agents SDK."""

import asyncio
import sys

from agents import Agent, Runner, function_tool

PARCELS = {17: "in Hamburg", 18: "at the door"}


@function_tool
async def look_up_parcel(number: int) -> str:
    """Look up where a parcel is."""
    return PARCELS.get(number, "unknown")


CLERK = Agent(
    "clerk", instructions="You tell customers where their parcels are.", tools=[look_up_parcel], model="gpt-4o-mini"
)


async def parcels_help(message: str) -> str:
    return (await Runner.run(CLERK, message)).final_output


print(asyncio.run(parcels_help(sys.argv[1])))
