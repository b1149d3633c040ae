"""What a job lends to an agent that is not made of cards: its model, held to limits and budgets, and told of."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backdesk.agents.metering import Estimates, FleetLimits, Gate, ModelRequest, RequestUsage
from backdesk.agents.model_call import Body, ModelCall
from backdesk.agents.prices import OPENAI, Prices, load_prices
from backdesk.agents.provider import resource_of
from backdesk.agents.reporter import Reporter
from backdesk.agents.runtime.budgeted import BYTES_A_TOKEN, Account, Granted
from backdesk.agents.runtime.metered_model import MeteredModel, bare
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.shown import Sight, with_files
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.service import fingerprint_of

if TYPE_CHECKING:
    from pydantic_ai.models import Model


@dataclass(frozen=True, slots=True)
class GuestModel:
    """A model as limits and prices know it: its name at an address, or at its maker's own."""

    name: str
    address: str | None = None
    maker: str = "openai"
    #: The key in use; limits know it by its fingerprint.
    secret: str = ""


class GuestRequest:
    """A request that its job may make. `most_tokens` is how long the answer may be, None where no budget says it."""

    def __init__(self, granted: Granted, call: ModelCall) -> None:
        self.most_tokens = granted.most_tokens
        self.used: RequestUsage | None = None
        self.cost_usd: float | None = None
        self._granted = granted
        self._call = call

    def sent(self, body: Body) -> None:
        """Keep the request as it is sent, JSON, for `backdesk prompt show`. Never raises."""
        self._call.sent(body)

    def first_token(self) -> None:
        """Note that the answer begins to come."""
        self._call.first_token()

    def answered(self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> float | None:
        """Count what the answer has used, as its provider says; return its cost in US dollars, None if not known."""
        self.used = RequestUsage(input_tokens, output_tokens, cached_input_tokens)
        self.cost_usd = self._granted.settle(self.used)
        self._call.answered(self.used, self.cost_usd)
        return self.cost_usd


def metered_model(
    ctx: TaskContext, model: Model, agent: str, reporter: Reporter, *, sees: bool | None = None
) -> MeteredModel:
    """Return a model of Pydantic AI whose requests the job makes as an agent of cards would make them.

    Each passes the limits of the fleet and the budgets of the job; what it costs by the deployment's prices is counted
    and stands in the answer's `metadata`. `reporter` tells of it, and of the text while somebody watches. The model
    is given the files of a `prompt_with_files`; whether it can look at them, `sees` says, else its name. Raises
    ConfigurationError for prices that cannot be read.
    """
    inner = bare(model)
    secret = getattr(getattr(inner, "client", None), "api_key", None)
    known = GuestModel(model.model_name, inner.base_url, model.system, secret if isinstance(secret, str) else "")
    gates: list[Gate] = [FleetLimits(ctx), reporter.stopwatch]
    sight = Sight.of(sees, deployment().settings, model.model_name)
    show = functools.partial(with_files, sight=sight, read=ctx.attached)
    return MeteredModel(_handle(known, model), agent, _account(ctx), gates, reporter, show=show)


@asynccontextmanager
async def metered_request(
    ctx: TaskContext, model: GuestModel, agent: str, reporter: Reporter, *, size: int, wanted: int | None = None
) -> AsyncIterator[GuestRequest]:
    """Enclose a request that another library makes, of `size` bytes, for an answer of `wanted` tokens at most.

    As `metered_model` does for one library. Raises Limited and BudgetExceeded before the block; what the block raises
    tells the circuit breaker of the service how it is.
    """
    handle = _handle(model, None)
    async with _account(ctx).grant(handle, math.ceil(size / BYTES_A_TOKEN), wanted) as granted:
        tokens = handle.estimates.of(size, granted.most_tokens or wanted)
        asked = ModelRequest(handle.resource, handle.key, handle.name, *tokens)
        async with AsyncExitStack() as stack:
            gates = (FleetLimits(ctx), reporter.stopwatch)
            tells = [await stack.enter_async_context(gate(asked)) for gate in gates]
            with reporter.model_call(agent, handle.name) as call:
                request = GuestRequest(granted, call)
                yield request
            if request.used is not None:
                handle.estimates.learn(size, request.used)
                for tell in tells:
                    tell(request.used)


def _account(ctx: TaskContext) -> Account:
    return Account(ctx, deployment().settings.max_answer_tokens)


def _handle(known: GuestModel, model: Any) -> ModelHandle:
    # The maker's own address goes without saying, here as in the deployment's settings.
    address = None if (known.address or "").rstrip("/") == OPENAI else known.address
    resource = resource_of(address, known.name, known.maker)
    return ModelHandle(
        model,
        known.name,
        offline=False,
        close=_nothing,
        resource=resource,
        key=fingerprint_of(known.secret) if known.secret else "",
        price=functools.partial(_prices(deployment().settings.prices, address).cost_usd, known.name),
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
