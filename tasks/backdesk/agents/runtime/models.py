"""What agents know of the model behind them: a server that speaks the OpenAI API, or rules that stand in for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic_ai.models import Model

from backdesk.agents.metering import Estimates, RequestUsage


def _unknown(_used: RequestUsage) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A model, bound to the event loop that first uses it."""

    model: Model
    name: str
    offline: bool
    close: Callable[[], Awaitable[None]]
    #: Its name among the services that limits are set for, and the fingerprint of its key.
    resource: str = ""
    key: str = ""
    #: Whether its client tells what it sends (`wire`).
    tells: bool = False
    #: What is asked when this one is known to fail.
    fallback: ModelHandle | None = None
    #: What is asked when a budget is spent that is gone on with by cheaper means.
    cheaper: ModelHandle | None = None
    #: The cost of a request in US dollars, None when it is not known.
    price: Callable[[RequestUsage], float | None] = _unknown
    estimates: Estimates = field(default_factory=Estimates)
