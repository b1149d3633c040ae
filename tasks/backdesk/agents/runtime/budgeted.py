"""Holds each request to a model to the budgets of its job, by the engine's means, and writes down what it has cost.

What a request will take is not known before. Its text is counted as more tokens than it has as a rule, and the length
of the answer is limited to what the budgets have room for, so that what was set aside is rarely exceeded.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pydantic_ai import ModelMessage, ModelRequestContext, ModelResponse, ModelSettings
from pydantic_core import to_json

from backdesk.agents.failures import ModelFailure
from backdesk.agents.metering import RequestUsage
from backdesk.agents.runtime.messages import files_chars
from backdesk.agents.runtime.models import ModelHandle
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.spending import Spending
from backdesk.worker.errors import Limited
from backdesk.worker.model.budget import Amount, CostUnknown, Estimate

#: An answer is not asked for when there is room for less.
LEAST_ANSWER_TOKENS = 256
#: Text has about four bytes a token, JSON about three; what is counted too much is given back with the answer.
BYTES_A_TOKEN = 3
#: What a message or the description of a tool takes beside its text.
EXTRA_TOKENS = 12
REMEDY = "give its price in the file that BACKDESK_PRICES names, or limit tokens instead"


@dataclass(frozen=True, slots=True)
class Granted:
    """What the budgets have room for: a request to this model, with an answer of so many tokens at most."""

    model: ModelHandle
    spending: Spending
    #: How long the answer may be, None where no budget says it; and how long it might be without one, where it is
    #: given less. Tokens.
    most_tokens: int | None = None
    whole_tokens: int | None = None

    def settle(self, used: RequestUsage) -> float | None:
        """Count what a request has used, if its provider said that; return the cost in US dollars."""
        cost = cost_of(self.model, used)
        if used.tokens:
            self.spending.settle(Amount(used.tokens, cost, model_calls=1))
        return cost


@dataclass(frozen=True, slots=True)
class Allowed:
    """A request that may be made, in this form."""

    granted: Granted
    context: ModelRequestContext

    @property
    def model(self) -> ModelHandle:
        """The model that is to be asked."""
        return self.granted.model

    @property
    def whole_tokens(self) -> int | None:
        """How long the answer might be without a budget, where it is given less room than that."""
        return self.granted.whole_tokens

    def answered(self, response: ModelResponse) -> None:
        """Count what the answer has cost, and note it with the answer: a later attempt may be served it again."""
        cost = self.granted.settle(usage_of(response))
        response.metadata = {**(response.metadata or {}), "model": self.model.name, "cost_usd": cost}


class Account:
    """The spending of one job on models. `most_answer_tokens` is the longest answer that a budget pays for."""

    def __init__(self, context: TaskContext, most_answer_tokens: int) -> None:
        self._context = context
        self._most_answer_tokens = max(most_answer_tokens, LEAST_ANSWER_TOKENS)

    @asynccontextmanager
    async def request(self, model: ModelHandle, context: ModelRequestContext) -> AsyncIterator[Allowed]:
        """Enclose a request. Raises what `TaskContext.spending` raises; the value says which model is to be asked."""
        settings = context.model_settings or {}
        async with self.grant(model, tokens_at_most(context), settings.get("max_tokens")) as granted:
            allowed = replace(context, model=granted.model.model)
            if granted.most_tokens is not None:
                allowed.model_settings = ModelSettings(**{**settings, "max_tokens": granted.most_tokens})
            yield Allowed(granted, allowed)

    @asynccontextmanager
    async def grant(self, model: ModelHandle, size: int, wanted: int | None) -> AsyncIterator[Granted]:
        """Enclose a request of so many tokens, with an answer of so many at most as is `wanted`; as `request`."""
        # Without a budget an agent may have a limit of its own.
        most = min(self._most_answer_tokens, wanted or self._most_answer_tokens)
        cheaper = model.cheaper
        try:
            async with self._context.spending(
                _estimate(model, size, most), cheaper=_estimate(cheaper, size, most) if cheaper else None
            ) as spending:
                granted = _granted(cheaper if cheaper and spending.cheaper else model, spending, most)
                try:
                    yield granted
                except Exception as error:
                    if (real := _cost_of(error)) is not None:
                        spending.settle(real)
                    raise
        except CostUnknown as error:
            raise CostUnknown(error.whose, error.purpose, REMEDY) from None

    async def cut_off(self, model: ModelHandle, whole_tokens: int) -> ModelFailure:
        """Return what to fail with when an answer was cut off for want of room.

        Raises as `request` does when there is no room for a whole answer; else another attempt may have better luck.
        """
        cheaper = _whole_answer(model.cheaper, whole_tokens) if model.cheaper else None
        async with self._context.spending(_whole_answer(model, whole_tokens), cheaper=cheaper) as spending:
            spending.settle(Amount())
        return ModelFailure("model_misbehaved", "The answer was cut off, as there was little room left in the budget.")


def _granted(model: ModelHandle, spending: Spending, most: int) -> Granted:
    if not spending.limited:
        return Granted(model, spending)
    least = min(LEAST_ANSWER_TOKENS, most)
    given = least + math.floor((most - least) * spending.share)
    return Granted(model, spending, given, most if given < most else None)


def _whole_answer(model: ModelHandle, most: int) -> Estimate:
    used = RequestUsage(0, most)
    return Estimate(Amount(used.tokens, model.price(used)), purpose=f"a whole answer of {model.name}")


def _estimate(model: ModelHandle, size: int, most: int) -> Estimate:
    least_used, most_used = RequestUsage(size, min(LEAST_ANSWER_TOKENS, most)), RequestUsage(size, most)
    cost, most_cost = model.price(least_used), model.price(most_used)
    more_cost = 0.0 if cost is None or most_cost is None else most_cost - cost
    more = Amount(most_used.tokens - least_used.tokens, max(more_cost, 0.0))
    return Estimate(Amount(least_used.tokens, cost, model_calls=1), more, purpose=f"a request to {model.name}")


def usage_of(response: ModelResponse) -> RequestUsage:
    """Return what a request has used, as its provider reported it; nothing at all when that said nothing."""
    usage = response.usage
    return RequestUsage(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)


def cost_of(model: ModelHandle, used: RequestUsage) -> float | None:
    """Return what a request has cost in US dollars, None when that is not known."""
    return model.price(used) if used.tokens else None


def tokens_at_most(context: ModelRequestContext) -> int:
    """Return as many tokens as a request has, or more: what is said, the instructions and the tools."""
    parameters = context.model_request_parameters
    sizes = [len(part.content.encode()) for part in parameters.instruction_parts or ()]
    sizes += [size for message in context.messages for size in _sizes(message)]
    for tool in (*parameters.function_tools, *parameters.output_tools):
        sizes.append(len(to_json([tool.name, tool.description, tool.parameters_json_schema])))
    return math.ceil((sum(sizes) + files_chars(context.messages)) / BYTES_A_TOKEN) + EXTRA_TOKENS * len(sizes)


def _sizes(message: ModelMessage) -> Iterator[int]:
    for part in message.parts:
        content = getattr(part, "content", None) or getattr(part, "args", None) or ""
        yield len(content.encode() if isinstance(content, str) else to_json(content, fallback=str))


def _cost_of(error: BaseException) -> Amount | None:
    """Return what a request that failed has cost, None when it may have been billed."""
    if isinstance(error, Limited) and error.__cause__ is None:
        return Amount()
    cause: BaseException | None = error
    while cause is not None:
        # Of whichever library: an error with a status was refused, unless it came in the middle of an answer.
        if isinstance(getattr(cause, "status_code", None), int) and not getattr(cause, "in_stream", False):
            return Amount(model_calls=1)
        cause = cause.__cause__
    return None
