"""How far a job is, as clients of MCP are told within a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from backdesk.worker.model.events import JobEvent

#: Takes how far a job is, of a total if there is one, and words.
Report = Callable[[float, float | None, str | None], Awaitable[None]]


class Progress:
    """Tells of a job's events by a number of 1 that only ever rises, as the protocol demands.

    A job may go back, when it begins anew, or not know how far it is: then it is told to be a thousandth of the rest
    further.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._at = 0.0

    async def hear(self, event: JobEvent) -> None:
        """Tell of an event, if it is about progress."""
        if event.type in {"started", "progress"}:
            message = event.data.get("message")
            await self._report(self._further(event.data.get("fraction")), 1.0, str(message) if message else None)

    def _further(self, fraction: float | None) -> float:
        crept = self._at + (1.0 - self._at) / 1000
        self._at = fraction if fraction is not None and self._at < fraction <= 1 else crept
        return self._at
