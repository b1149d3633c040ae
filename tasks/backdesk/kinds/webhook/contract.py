"""The kind `webhook.deliver`: what is sent where, as it was written when the event happened."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from backdesk.platform.contract import Contract, KindModels


class Delivery(Contract):
    """One event for one endpoint. The body is sent as it stands here, in each attempt."""

    endpoint: Annotated[str, StringConstraints(pattern=r"^we_[0-9a-f]{24}$")]
    event: Annotated[str, StringConstraints(pattern=r"^evt_[0-9a-f]{32,64}$")]
    type: Annotated[str, StringConstraints(max_length=64)]
    body: Annotated[str, StringConstraints(max_length=20_000)]
    traceparent: Annotated[str, StringConstraints(max_length=128)] | None = None


class Receipt(Contract):
    """That the receiver has taken it."""

    status: int = Field(ge=200, le=299)
    seconds: float


KIND = KindModels("webhook.deliver", "agents", Delivery, Receipt)
