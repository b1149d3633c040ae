"""A model that an agent brings along, whose requests are held to what the job may ask of models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

from pydantic_ai import (
    ModelMessage,
    ModelRequestContext,
    ModelResponse,
    ModelSettings,
    PartDeltaEvent,
    PartStartEvent,
    RunContext,
    TextPart,
    TextPartDelta,
    exceptions,
)
from pydantic_ai.capabilities import WrapModelRequestHandler
from pydantic_ai.messages import ModelResponseStreamEvent
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel

from backdesk.agents.failures import ModelFailure
from backdesk.agents.metering import Gate
from backdesk.agents.runtime.budgeted import Account
from backdesk.agents.runtime.messages import History
from backdesk.agents.runtime.metered import Metered, Told
from backdesk.agents.runtime.models import ModelHandle


class Listener(Told, Protocol):
    """Who is told of each request, and of the text that comes of it."""

    @property
    def watched(self) -> bool:
        """Whether the next request is worth streaming."""

    def text(self, piece: str, *, begins: bool) -> None: ...


#: Puts the files of messages into them, as the model is given them.
Show = Callable[[History], Awaitable[History]]


class MeteredModel(WrapperModel):
    """Passes the requests of one agent on to its model, as far as budgets and gates allow them.

    What is asked for as a whole is streamed all the same while somebody watches, so that the text is told as it comes.
    Raises what the library raises, so that whoever falls back to another model does; and what budgets and gates raise.
    """

    def __init__(
        self,
        model: ModelHandle,
        agent: str,
        account: Account,
        gates: Sequence[Gate],
        listener: Listener,
        *,
        show: Show,
    ) -> None:
        super().__init__(model.model)
        self._show = show
        self._listener = listener
        self._metered = Metered(agent, model, account, gates, listener)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make a request, and return its answer."""
        return await self._pass(messages, model_settings, model_request_parameters, self._send)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Make a request whose answer the caller streams, within the block."""
        opened: asyncio.Future[StreamedResponse] = asyncio.get_running_loop().create_future()
        read = asyncio.Event()

        async def send(context: ModelRequestContext) -> ModelResponse:
            async with _stream(context, run_context) as stream:
                # Whoever reads it gets this iterator, the only one that a stream has.
                stream._event_iterator = self._told(aiter(stream))  # noqa: SLF001 - the library has no other way in
                opened.set_result(stream)
                await read.wait()
                return stream.get()

        # The gates stay entered until the stream is read, and end by what became of it: they have a task of their own.
        request = asyncio.create_task(self._pass(messages, model_settings, model_request_parameters, send))
        both: list[asyncio.Future[Any]] = [request, opened]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _broken_off(request)
            raise
        if request.done():
            await request
        try:
            yield opened.result()
        except BaseException as error:
            if isinstance(error, exceptions.AgentRunError):
                self._metered.stream_broke(error)
            # The gates may have made a limit of it.
            if isinstance(meant := await _broken_off(request), Exception) and meant is not error:
                raise meant from error
            raise
        read.set()
        # Read again once the stream is closed: what was noted with the answer goes with it.
        opened.result().metadata = (await request).metadata

    async def _pass(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        parameters: ModelRequestParameters,
        send: WrapModelRequestHandler,
    ) -> ModelResponse:
        async def shown(context: ModelRequestContext) -> ModelResponse:
            return await send(replace(context, messages=await self._show(context.messages)))

        context = ModelRequestContext(
            model=self.wrapped,
            messages=messages,
            model_settings=model_settings,
            model_request_parameters=parameters,
        )
        try:
            return await self._metered.request(context, shown)
        except ModelFailure as failure:
            if isinstance(failure.__cause__, exceptions.AgentRunError):
                raise failure.__cause__ from None
            raise

    async def _send(self, context: ModelRequestContext) -> ModelResponse:
        if not (self._listener.watched and _streams(context.model)):
            return await context.model.request(
                context.messages, context.model_settings, context.model_request_parameters
            )
        async with _stream(context, None) as stream:
            async for _ in self._told(stream):
                pass
            return stream.get()

    async def _told(self, stream: AsyncIterable[ModelResponseStreamEvent]) -> AsyncIterator[ModelResponseStreamEvent]:
        async for event in self._metered.timed(stream):
            self._tell(event)
            yield event

    def _tell(self, event: object) -> None:
        match event:
            case PartStartEvent(part=TextPart(content=piece)):
                self._listener.text(piece, begins=True)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=piece)):
                self._listener.text(piece, begins=False)
            case _:
                pass


async def _broken_off(request: asyncio.Task[ModelResponse]) -> object:
    """Cancel a request, and return what it comes to."""
    request.cancel()
    (outcome,) = await asyncio.gather(request, return_exceptions=True)
    return outcome


def _stream(
    context: ModelRequestContext, run_context: RunContext[Any] | None
) -> AbstractAsyncContextManager[StreamedResponse]:
    return context.model.request_stream(
        context.messages, context.model_settings, context.model_request_parameters, run_context
    )


def _streams(model: Model) -> bool:
    """Whether a model can stream: a function that stands in for one, in a test, need not."""
    return getattr(bare(model), "stream_function", model) is not None


def bare(model: Model) -> Model:
    """Return the model beneath all that is wrapped around it."""
    while isinstance(model, WrapperModel):
        model = model.wrapped
    return model
