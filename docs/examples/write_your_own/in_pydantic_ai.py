"""Where a parcel is, in pydantic-ai alone."""

import asyncio
import sys

from pydantic_ai import Agent

PARCELS = {17: "in Hamburg", 18: "at the door"}
CLERK = Agent("openai-chat:gpt-4o-mini", instructions="You tell customers where their parcels are.")


@CLERK.tool_plain
async def look_up_parcel(number: int) -> str:
    """Look up where a parcel is."""
    return PARCELS.get(number, "unknown")


async def parcels_help(message: str) -> str:
    return (await CLERK.run(message)).output


print(asyncio.run(parcels_help(sys.argv[1])))
