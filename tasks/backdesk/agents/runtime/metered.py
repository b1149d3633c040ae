"""Has each request to a model pass the gates, and asks another model when the first is known to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Protocol, TypeVar

from pydantic_ai import ModelRequestContext, ModelResponse, RunContext, exceptions
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler

from backdesk.agents.desk import Desk
from backdesk.agents.metering import Gate, ModelRequest
from backdesk.agents.model_call import ModelCall
from backdesk.agents.prompts import Prompt
from backdesk.agents.runtime.budgeted import Account, cost_of, usage_of
from backdesk.agents.runtime.errors import failure_of
from backdesk.agents.runtime.messages import chars_of, files_chars
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.wire import Outlet
from backdesk.worker.errors import Limited
from backdesk.worker.model.service import Why

T = TypeVar("T")

#: A job whose model has just failed for good asks the fallback at its next attempt, after so many seconds.
TO_FALLBACK_S = 0.1


class Told(Protocol):
    """Who is told of each request that is made."""

    def model_call(self, agent: str, model: str, prompt: Prompt | None = None) -> AbstractContextManager[ModelCall]: ...


class Metered(AbstractCapability[Desk]):
    """Encloses the requests of one run."""

    def __init__(
        self,
        agent: str,
        model: ModelHandle,
        account: Account,
        gates: Sequence[Gate],
        watcher: Told,
        *,
        prompt: Prompt | None = None,
    ) -> None:
        self._agent = agent
        self.outlet = Outlet()
        self._prompt = prompt
        self._watcher = watcher
        #: The request that is being made.
        self._call: ModelCall | None = None
        self._model = model
        self._account = account
        self._gates = gates
        self._broken: exceptions.AgentRunError | None = None
        self._limited: Limited | None = None

    async def timed(self, stream: AsyncIterable[T]) -> AsyncIterator[T]:
        """Pass on what comes of the request that is being made, and note when it begins to."""
        async for event in stream:
            if self._call is not None:
                self._call.first_token()
            yield event

    def stream_broke(self, error: exceptions.AgentRunError) -> None:
        """Note why a stream ends early, before it is closed: the library tells who reads it, and not the hooks."""
        self._broken = error

    def meaning_of(self, error: exceptions.AgentRunError) -> Exception:
        """Say what an error of the run means for the job; the gates may have made a limit of it."""
        return self._limited if self._limited is not None and error is self._broken else failure_of(error)

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        return await self.request(request_context, handler)

    async def request(self, request_context: ModelRequestContext, handler: WrapModelRequestHandler) -> ModelResponse:
        """Make a request. Raises ModelFailure, and what a gate raises."""
        self._broken = None
        try:
            return await self._make(request_context, handler)
        except Limited as limited:
            self._limited = limited
            raise

    async def _make(self, request_context: ModelRequestContext, handler: WrapModelRequestHandler) -> ModelResponse:
        chars = _chars(request_context) + files_chars(request_context.messages)
        try:
            return await self._ask(self._model, chars, request_context, handler)
        except Limited as limited:
            fallback = self._model.fallback
            if limited.why != Why.BREAKER or fallback is None:
                raise
            if limited.__cause__ is not None:
                # It was asked and failed. The library asks once in a request: the fallback's turn comes with the next.
                raise Limited(TO_FALLBACK_S, limited.reason, resource=limited.resource, why=limited.why) from limited
            return await self._ask(fallback, chars, request_context, handler)

    async def _ask(
        self, model: ModelHandle, chars: int, context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        # The budget first: what it refuses must not take a place of the fleet's limits.
        async with self._account.request(model, context) as allowed:
            response = await self._pass(allowed.model, chars, allowed.context, handler)
            allowed.answered(response)
        if allowed.whole_tokens is not None and response.finish_reason == "length":
            raise await self._account.cut_off(allowed.model, allowed.whole_tokens)
        return response

    async def _pass(
        self, model: ModelHandle, chars: int, context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        settings = context.model_settings or {}
        size = model.estimates.of(chars, settings.get("max_tokens"))
        request = ModelRequest(model.resource, model.key, model.name, *size)
        async with AsyncExitStack() as stack:
            tells = [await stack.enter_async_context(gate(request)) for gate in self._gates]
            with self._watcher.model_call(self._agent, model.name, self._prompt) as self._call:
                with self.outlet.sending(self._call.sent, model, context):
                    response = await self._answered(context, handler)
                used = usage_of(response)
                self._call.answered(used, cost_of(model, used))
            # What an image takes differs by model, up to the length of a book: texts are not to be measured by that.
            model.estimates.learn(0 if files_chars(context.messages) else chars, used)
            for tell in tells:
                tell(used)
        return response

    async def _answered(self, context: ModelRequestContext, handler: WrapModelRequestHandler) -> ModelResponse:
        try:
            return await handler(context)
        except exceptions.UsageLimitExceeded:
            raise  # the provider has no part in it
        except exceptions.AgentRunError as error:
            raise failure_of(error) from error
        except asyncio.CancelledError:
            if self._broken is None:
                raise
            raise failure_of(self._broken) from self._broken


def _chars(context: ModelRequestContext) -> int:
    """Count what is sent, as text; the descriptions of the tools are in the ratio that is learned."""
    parameters = context.model_request_parameters
    instructions = sum(len(part.content) for part in parameters.instruction_parts or ())
    return instructions + sum(map(chars_of, context.messages))
