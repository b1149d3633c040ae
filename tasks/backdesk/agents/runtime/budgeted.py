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

    def answered(self, response: ModelResponse) -> None:
        """Count what the answer has cost, and note it with the answer: a later attempt may be served it again."""
        used = usage_of(response)
        cost = self.model.price(used) if used.tokens else None
        response.metadata = {**(response.metadata or {}), "model": self.model.name, "cost_usd": cost}
        if used.tokens:
            self.spending.settle(Amount(used.tokens, cost, model_calls=1))

    @property
    def may_be_cut_off(self) -> bool:
        """Whether the answer is given less room than usual."""
        return self.spending.limited and self.spending.share < 1


class Account:
    """The spending of one job on models. `most_answer_tokens` is the longest answer that a budget pays for."""

    def __init__(self, context: TaskContext, most_answer_tokens: int) -> None:
        self._context = context
        self._most_answer_tokens = max(most_answer_tokens, LEAST_ANSWER_TOKENS)

    @asynccontextmanager
    async def request(self, model: ModelHandle, context: ModelRequestContext) -> AsyncIterator[Allowed]:
        """Enclose a request. Raises what `TaskContext.spending` raises; the value says which model is to be asked."""
        size = tokens_at_most(context)
        cheaper = model.cheaper
        try:
            async with self._context.spending(
                self._estimate(model, size), cheaper=self._estimate(cheaper, size) if cheaper else None
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

    async def cut_off(self, model: ModelHandle) -> ModelFailure:
        """Return what to fail with when an answer was cut off for want of room.

        Raises as `request` does when there is no room for a whole answer; else another attempt may have better luck.
        """
        cheaper = self._whole_answer(model.cheaper) if model.cheaper else None
        async with self._context.spending(self._whole_answer(model), cheaper=cheaper) as spending:
            spending.settle(Amount())
        return ModelFailure("model_misbehaved", "The answer was cut off, as there was little room left in the budget.")

    def _whole_answer(self, model: ModelHandle) -> Estimate:
        used = RequestUsage(0, self._most_answer_tokens)
        return Estimate(Amount(used.tokens, model.price(used)), purpose=f"a whole answer of {model.name}")

    def _estimate(self, model: ModelHandle, size: int) -> Estimate:
        least, most = (RequestUsage(size, answer) for answer in (LEAST_ANSWER_TOKENS, self._most_answer_tokens))
        cost, most_cost = model.price(least), model.price(most)
        more_cost = 0.0 if cost is None or most_cost is None else most_cost - cost
        more = Amount(most.tokens - least.tokens, max(more_cost, 0.0))
        return Estimate(Amount(least.tokens, cost, model_calls=1), more, purpose=f"a request to {model.name}")

    def _allowed(self, model: ModelHandle, context: ModelRequestContext, spending: Spending) -> Allowed:
        if not spending.limited:
            return Allowed(model, replace(context, model=model.model), spending)
        room = self._most_answer_tokens - LEAST_ANSWER_TOKENS
        most = LEAST_ANSWER_TOKENS + math.floor(room * spending.share)
        given = context.model_settings or ModelSettings()
        settings = ModelSettings(**{**given, "max_tokens": min(most, given.get("max_tokens") or most)})
        return Allowed(model, replace(context, model=model.model, model_settings=settings), spending)


def usage_of(response: ModelResponse) -> RequestUsage:
    """Return what a request has used, as its provider reported it; nothing at all when that said nothing."""
    usage = response.usage
    return RequestUsage(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)


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
