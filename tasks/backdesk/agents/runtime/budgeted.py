"""Holds each request to a model to the budgets of its job, by the engine's means, and writes down what it has cost.

What a request will take is not known before. Its text is counted as more tokens than it has as a rule, and the length
of the answer is limited to what the budgets have room for, so that what was set aside is rarely exceeded.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pydantic_ai import ModelMessage, ModelRequestContext, ModelResponse, ModelSettings, exceptions
from pydantic_core import to_json

from backdesk.agents.failures import ModelFailure
from backdesk.agents.metering import RequestUsage
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
class Allowed:
    """A request that may be made: by this model, in this form."""

    model: ModelHandle
    context: ModelRequestContext
    spending: Spending
    #: How long the answer might be without a budget, where it is given less room than that. Tokens.
    whole_tokens: int | None = None

    def answered(self, response: ModelResponse) -> None:
        """Count what the answer has cost, and note it with the answer: a later attempt may be served it again."""
        used = usage_of(response)
        cost = cost_of(self.model, used)
        response.metadata = {**(response.metadata or {}), "model": self.model.name, "cost_usd": cost}
        if used.tokens:
            self.spending.settle(Amount(used.tokens, cost, model_calls=1))


class Account:
    """The spending of one job on models. `most_answer_tokens` is the longest answer that a budget pays for."""

    def __init__(self, context: TaskContext, most_answer_tokens: int) -> None:
        self._context = context
        self._most_answer_tokens = max(most_answer_tokens, LEAST_ANSWER_TOKENS)

    @asynccontextmanager
    async def request(self, model: ModelHandle, context: ModelRequestContext) -> AsyncIterator[Allowed]:
        """Enclose a request. Raises what `TaskContext.spending` raises; the value says which model is to be asked."""
        size, most = tokens_at_most(context), self._most(context)
        cheaper = model.cheaper
        try:
            async with self._context.spending(
                _estimate(model, size, most), cheaper=_estimate(cheaper, size, most) if cheaper else None
            ) as spending:
                allowed = self._allowed(cheaper if cheaper and spending.cheaper else model, context, spending)
                try:
                    yield allowed
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

    def _most(self, context: ModelRequestContext) -> int:
        """Return how long the answer may be without a budget: an agent may have a limit of its own."""
        return min(
            self._most_answer_tokens, (context.model_settings or {}).get("max_tokens") or self._most_answer_tokens
        )

    def _allowed(self, model: ModelHandle, context: ModelRequestContext, spending: Spending) -> Allowed:
        if not spending.limited:
            return Allowed(model, replace(context, model=model.model), spending)
        most = self._most(context)
        least = min(LEAST_ANSWER_TOKENS, most)
        given = least + math.floor((most - least) * spending.share)
        settings = ModelSettings(**{**(context.model_settings or {}), "max_tokens": given})
        allowed = replace(context, model=model.model, model_settings=settings)
        return Allowed(model, allowed, spending, most if given < most else None)


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
    return math.ceil(sum(sizes) / BYTES_A_TOKEN) + EXTRA_TOKENS * len(sizes)


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
        if isinstance(cause, exceptions.ModelHTTPError) and not cause.in_stream:
            return Amount(model_calls=1)
        cause = cause.__cause__
    return None
