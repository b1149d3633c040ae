"""What one job may ask of models, and what it has asked so far."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from pydantic_ai import ModelResponse, RunUsage, UsageLimits

from backdesk.agents.card import Limits
from backdesk.agents.contract import ModelUsage
from backdesk.agents.desk import Transfer
from backdesk.agents.runtime.messages import BY_CODE


class Budget:
    """What one job may ask of models, over all of its agents and attempts; `spent` is what it has asked so far."""

    def __init__(
        self,
        *,
        requests: int,
        tool_calls: int,
        tool_timeout_s: float,
        spent: ModelUsage,
        beside: Mapping[str, ModelUsage] = MappingProxyType({}),
    ) -> None:
        self._requests = requests
        self._tool_calls = tool_calls
        self.usage = RunUsage(**spent.model_dump(exclude={"cost_usd", "cached_requests"}))
        self.cost_usd = spent.cost_usd
        self.cached_requests = spent.cached_requests
        #: What was asked beside the agents' own requests, by what it was about: it counts for no limit of theirs.
        self.beside = dict(beside)
        #: Which model has answered last.
        self.model: str | None = None
        self.tool_timeout_s = tool_timeout_s

    @property
    def spent(self) -> ModelUsage:
        """What was used so far."""
        return functools.reduce(_plus, self.beside.values(), self.by_agents)

    @property
    def by_agents(self) -> ModelUsage:
        """What the agents themselves have used."""
        used = self.usage
        return ModelUsage(
            requests=used.requests,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            tool_calls=used.tool_calls,
            cost_usd=self.cost_usd,
            cached_requests=self.cached_requests,
        )

    def add(self, used: ModelUsage) -> None:
        """Count what was asked besides the agents."""
        self.usage.requests += used.requests
        self.usage.input_tokens += used.input_tokens
        self.usage.output_tokens += used.output_tokens
        cost, more = self.cost_usd, used.cost_usd
        if used.requests:
            self.cost_usd = None if cost is None or more is None else round(cost + more, 9)

    def limits(self, own: Limits, since: Transfer) -> UsageLimits:
        """Return up to where an agent may count, which began at that hand-over: its own limits end there or before."""
        return UsageLimits(
            request_limit=_least(self._requests, own.requests, since.requests),
            tool_calls_limit=_least(self._tool_calls, own.tool_calls, since.tool_calls),
        )

    def answered(self, response: ModelResponse) -> None:
        """Note what an answer has cost, also one that a former attempt has been given; tokens are counted elsewhere."""
        known = response.metadata or {}
        if known.get(BY_CODE):
            self.usage.requests -= 1  # the library counts it, but nobody was asked
        self.model = known.get("model", self.model)
        self.cached_requests += bool(known.get("cached"))
        cost = known.get("cost_usd")
        self.cost_usd = None if self.cost_usd is None or cost is None else round(self.cost_usd + cost, 9)


def _plus(one: ModelUsage, other: ModelUsage) -> ModelUsage:
    counts = {name: value + getattr(other, name) for name, value in one if name != "cost_usd"}
    costs = one.cost_usd, other.cost_usd
    return ModelUsage(**counts, cost_usd=None if None in costs else round(sum(filter(None, costs)), 9))


def _least(of_the_job: int, own: int | None, before: int) -> int:
    return of_the_job if own is None else min(of_the_job, before + own)
