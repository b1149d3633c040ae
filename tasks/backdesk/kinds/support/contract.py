"""The kind `support.request`."""

from __future__ import annotations

from pydantic import Field

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.platform.contract import KindModels, Reference


class SupportRequest(AgentRequest):
    """A customer's message, for the kind `support.request`."""

    customer_id: Reference | None = Field(
        None,
        description="With it, the agents see and refund only this customer's orders; else everybody's.",
    )


class SupportResult(AgentResult):
    """The answer of the support agents."""


KIND = KindModels("support.request", "agents", SupportRequest, SupportResult)
