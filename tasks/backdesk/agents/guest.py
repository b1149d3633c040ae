"""What a job lends to an agent that is not made of cards: its model, held to limits and budgets, and told of."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from backdesk.agents.metering import Estimates, FleetLimits
from backdesk.agents.prices import OPENAI, Prices, load_prices
from backdesk.agents.provider import resource_of
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime.budgeted import Account
from backdesk.agents.runtime.metered_model import MeteredModel, bare
from backdesk.agents.runtime.models import ModelHandle
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.service import fingerprint_of

if TYPE_CHECKING:
    from pydantic_ai.models import Model


def metered_model(ctx: TaskContext, model: Model, agent: str, reporter: Reporter) -> MeteredModel:
    """Return a model whose requests the job makes as an agent of cards would make them.

    Each passes the limits of the fleet, by the name `resource_of`, and the budgets of the job; what it costs by the
    deployment's prices is counted and stands in the answer's `metadata`. `reporter` tells of it, and of the text while
    somebody watches. Raises ConfigurationError for prices that cannot be read.
    """
    settings = deployment().settings
    account = Account(ctx, settings.max_answer_tokens)
    return MeteredModel(
        _handle(model, settings.prices), agent, account, [FleetLimits(ctx), reporter.stopwatch], reporter
    )


def _handle(model: Model, prices: Path | None) -> ModelHandle:
    name, inner = model.model_name, bare(model)
    # The maker's own address goes without saying, here as in the deployment's settings.
    address = None if (inner.base_url or "").rstrip("/") == OPENAI else inner.base_url
    resource = resource_of(address, name, model.system)
    secret = getattr(getattr(inner, "client", None), "api_key", None)
    return ModelHandle(
        model,
        name,
        offline=False,
        close=_nothing,
        resource=resource,
        key=fingerprint_of(secret) if isinstance(secret, str) and secret else "",
        price=functools.partial(_prices(prices, address).cost_usd, name),
        estimates=_estimates(resource),
    )


@functools.lru_cache(maxsize=64)
def _prices(table: Path | None, address: str | None) -> Prices:
    return Prices(load_prices(table), address)


@functools.lru_cache(maxsize=256)
def _estimates(_resource: str) -> Estimates:
    return Estimates()


async def _nothing() -> None:
    """Whoever brought the model closes it."""
