"""Vectors of texts, as whoever searches by them gets them: from a model of embeddings, or none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from backdesk.agents.contract import ModelUsage


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of some texts, in their order; none where no model is configured, or it has failed: `problem`."""

    vectors: Sequence[Sequence[float]] = ()
    #: The model that made them, and from which cosine on two texts are alike by it.
    model: str = ""
    least: float = 0.0
    problem: str = ""
    usage: ModelUsage = field(default_factory=lambda: ModelUsage(cost_usd=0.0))


#: Makes vectors; never raises for want of a model.
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]


async def no_vectors(_texts: Sequence[str]) -> Vectors:
    """Make none, as where no model is configured."""
    return Vectors()
