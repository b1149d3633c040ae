"""An agent of Pydantic AI, and the line that makes a kind of job of it."""

from pydantic_ai import Agent

from pydantic_ai_backdesk import agent_job

PARCELS = {17: "in Hamburg", 18: "at the door"}
CLERK = Agent("openai-chat:gpt-4o-mini", name="clerk", instructions="You tell customers where their parcels are.")


@CLERK.tool_plain(metadata={"backdesk": {"effect": "pure"}})
def look_up_parcel(number: int) -> str:
    """Look up where a parcel is."""
    return PARCELS.get(number, "unknown")


@CLERK.tool_plain(requires_approval=True)
def send_again(number: int) -> str:
    """Send a parcel that was lost once more."""
    return f"parcel {number} is sent again"


agent_job(CLERK, kind="parcels.help")
