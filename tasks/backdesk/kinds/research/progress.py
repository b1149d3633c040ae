"""How far a report is: never back, also when another attempt goes over what is done, or the plan has grown."""

from __future__ import annotations

from typing import Any

from backdesk.worker.attempt.context import TaskContext


class Progress:
    """Tells stages and shares of them, each once in the life of the job."""

    def __init__(self, ctx: TaskContext) -> None:
        self._ctx = ctx
        restored = ctx.restored or {}
        self._told: int = restored.get("told", 0)
        self._fraction: float = restored.get("fraction", 0.0)
        self._number = 0

    async def tell(self, fraction: float, message: str, **data: Any) -> None:
        """Tell where the report is, unless a former attempt has told it; and keep that it was told."""
        self._number += 1
        if self._number <= self._told:
            return
        self._told, self._fraction = self._number, max(self._fraction, fraction)
        self._ctx.progress(self._fraction, message, **data)
        await self._ctx.checkpoint({"told": self._told, "fraction": self._fraction})
