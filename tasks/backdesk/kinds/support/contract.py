"""The kind `support.request`."""

from __future__ import annotations

from pydantic import Field

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.platform.contract import KindModels, Reference


class SupportRequest(AgentRequest):
    """A customer's message, for the kind `support.request`."""

    customer_id: Reference | None = Field(
        None,
        description="Who writes, as the caller has made sure: the agents see and refund this customer's orders, and "
        "without it no orders at all.",
    )


class SupportResult(AgentResult):
    """The answer of the support agents."""


KIND = KindModels("support.request", "agents", SupportRequest, SupportResult)
