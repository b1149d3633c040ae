"""Waiting for a job within a call, for clients that know no tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.asks import open_asks
from backdesk.gateway.exchange import Exchange
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord

#: Takes how far a job is, of a total if there is one, and words.
Report = Callable[[float, float | None, str | None], Awaitable[None]]


class Scale:
    """How far a job is, as clients are told: a number of 1 that only ever rises, as the protocol demands.

    A job may go back, when it begins anew, or not know how far it is: then it is told to be a thousandth of the rest
    further.
    """

    def __init__(self) -> None:
        self._at = 0.0

    def next(self, fraction: float | None) -> float:
        """Return the number for an event."""
        crept = self._at + (1.0 - self._at) / 1000
        self._at = fraction if fraction is not None and self._at < fraction <= 1 else crept
        return self._at


async def wait(exchange: Exchange, caller: Caller, job_id: str, timeout_s: float, report: Report) -> JobRecord:
    """Return the record of a job once it has ended or asks something of people, or as it is after so many seconds."""
    record = await exchange.record(caller, job_id)
    if record.done or open_asks(record):
        return record
    scale = Scale()
    with suppress(TimeoutError):
        following = exchange.follow(caller, job_id, record.events)
        async with asyncio.timeout(timeout_s), aclosing(following) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                await _report(event, scale, report)
                if event.type == "waiting" and open_asks(await exchange.record(caller, job_id)):
                    break
    return await exchange.record(caller, job_id)


async def _report(event: JobEvent, scale: Scale, report: Report) -> None:
    if event.type in {"started", "progress"}:
        fraction, message = event.data.get("fraction"), event.data.get("message")
        await report(scale.next(fraction), 1.0, str(message) if message else None)
