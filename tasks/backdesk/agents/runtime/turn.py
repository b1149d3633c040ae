"""How long the calls of tools may take that one response of a model makes: each by itself, and all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backdesk.agents.running_call import NotInTime
from backdesk.agents.tools import Tool
from backdesk.worker.attempt.ledger import Effect


class Turn:
    """The clock of the calls of a response: `call_s` for one whose tool says nothing else, `within_s` for all.

    It starts with the first call. Calls that nobody may leave behind have only their own time.
    """

    def __init__(self, call_s: float, within_s: float | None) -> None:
        self._call_s = call_s
        self._within_s = within_s
        self._began: float | None = None

    def begin(self) -> None:
        """Wait for the first call of another response."""
        self._began = None

    def until(self, tool: Tool[..., Any]) -> float | None:
        """Return by when the jobs must be done that a call calls which begins now, by the clock of the loop."""
        if not tool.can_be_left or (tool.timeout_s is None and self._within_s is None):
            return None
        return self._ends(tool, asyncio.get_running_loop().time())

    @asynccontextmanager
    async def limit(self, tool: Tool[..., Any]) -> AsyncIterator[None]:
        """Cancel a call within the block that takes too long, and raise NotInTime; TimeoutError of an unsafe one."""
        began = asyncio.get_running_loop().time()
        ends = self._ends(tool, began)
        try:
            async with asyncio.timeout_at(ends) as limit:
                yield
        except TimeoutError:
            if limit.expired() and tool.effect is not Effect.UNSAFE:
                raise NotInTime(round(ends - began, 3)) from None
            raise

    def _ends(self, tool: Tool[..., Any], now: float) -> float:
        if self._began is None:
            self._began = now
        own = now + (tool.timeout_s or self._call_s)
        if self._within_s is None or not tool.can_be_left:
            return own
        return min(own, self._began + self._within_s)
