"""A client's connection, for one event loop, and how it carries out operations."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Self, TypeVar

from backdesk.client.connection import ATTEMPTS, PAUSE_S, Operations, raise_first
from backdesk.client.operation import Calls, Commands, Operation
from backdesk.client.operations.jobs import Replies
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.model.contract import RequestCheck
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import UNREACHABLE, connect_async, translated
from backdesk.worker.store.scripts import run_async, run_pipelined_async

T = TypeVar("T")


class AsyncioClient(Operations):
    """A connection to one deployment, which carries out operations on the event loop that asks."""

    def __init__(
        self,
        url: str | None = None,
        *,
        settings: Settings | None = None,
        checks: Mapping[str, RequestCheck] | None = None,
    ) -> None:
        super().__init__(url, settings=settings, checks=checks)
        self.redis = connect_async(self._settings.url, self._timeout_s)

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self.redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, operation: Operation[T]) -> T:
        try:
            step = next(operation)
            while True:
                step = operation.send(await self._answer(step))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns

    async def _answer(self, step: Commands | Calls) -> Replies:
        patience_ends = time.monotonic() + self._timeout_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated():
                    return await self._ask(step)
            except StoreUnavailable as error:
                late = attempt == ATTEMPTS or time.monotonic() >= patience_ends
                if late or not isinstance(error.__cause__, UNREACHABLE):
                    raise
                await asyncio.sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _ask(self, step: Commands | Calls) -> Replies:
        if isinstance(step, Calls) and len(step.calls) == 1:
            return [await run_async(self.redis, step.calls[0])]
        if isinstance(step, Calls):
            return raise_first(await run_pipelined_async(self.redis, step.calls))
        async with self.redis.pipeline(transaction=False) as pipe:
            for command in step.commands:
                pipe.execute_command(*command)
            return await pipe.execute()
