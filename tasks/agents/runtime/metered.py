"""Has each request to a model pass the gates, and asks another model when the first is known to fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from pydantic_ai import ModelMessage, ModelRequestContext, ModelResponse, RunContext, exceptions
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler
from pydantic_core import to_json

from tasks.agents.metering import Gate, ModelRequest, RequestUsage
from tasks.agents.runtime.errors import failure_of
from tasks.agents.runtime.models import ModelHandle
from tasks.desk import Desk
from worker.errors import Limited
from worker.resource import Why

#: A job whose model has just failed for good asks the fallback at its next attempt, after so many seconds.
TO_FALLBACK_S = 0.1


class Metered(AbstractCapability[Desk]):
    """Encloses the requests of one run."""

    def __init__(self, model: ModelHandle, gates: Sequence[Gate]) -> None:
        self._model = model
        self._gates = gates

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        """Make a request. Raises ModelFailure, and what a gate raises."""
        chars = _chars(request_context)
        try:
            return await self._ask(self._model, chars, request_context, handler)
        except Limited as limited:
            fallback = self._model.fallback
            if limited.why != Why.BREAKER or fallback is None:
                raise
            if limited.__cause__ is not None:
                # It was asked and failed. The library asks once in a request: the fallback's turn comes with the next.
                raise Limited(TO_FALLBACK_S, limited.reason, resource=limited.resource, why=limited.why) from limited
            return await self._ask(fallback, chars, replace(request_context, model=fallback.model), handler)

    async def _ask(
        self, model: ModelHandle, chars: int, context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        settings = context.model_settings or {}
        size = model.estimates.of(chars, settings.get("max_tokens"))
        request = ModelRequest(model.resource, model.key, model.name, *size)
        async with AsyncExitStack() as stack:
            tells = [await stack.enter_async_context(gate(request)) for gate in self._gates]
            response = await _answered(context, handler)
            used = _usage(response)
            model.estimates.learn(chars, used)
            for tell in tells:
                tell(used)
        return response


async def _answered(context: ModelRequestContext, handler: WrapModelRequestHandler) -> ModelResponse:
    try:
        return await handler(context)
    except exceptions.UsageLimitExceeded:
        raise  # the provider has no part in it
    except exceptions.AgentRunError as error:
        raise failure_of(error) from error


def _usage(response: ModelResponse) -> RequestUsage:
    usage = response.usage
    return RequestUsage(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)


def _chars(context: ModelRequestContext) -> int:
    """Count what is sent, as text; the descriptions of the tools are in the ratio that is learned."""
    parameters = context.model_request_parameters
    instructions = sum(len(part.content) for part in parameters.instruction_parts or ())
    return instructions + sum(size for message in context.messages for size in _sizes(message))


def _sizes(message: ModelMessage) -> Iterator[int]:
    for part in message.parts:
        content = getattr(part, "content", None) or getattr(part, "args", None) or ""
        yield len(content) if isinstance(content, str) else len(to_json(content, fallback=str))
