"""Waiting within a request for a job to end, or to ask something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.asks import open_asks
from backdesk.gateway.exchange import Exchange
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord

#: Is told what happens meanwhile.
Hear = Callable[[JobEvent], Awaitable[None]]


async def wait(
    exchange: Exchange, caller: Caller, job_id: str, timeout_s: float, hear: Hear | None = None
) -> JobRecord:
    """Return the record of a job once it has ended or asks something of people, or as it is after so many seconds."""
    record = await exchange.record(caller, job_id)
    if record.done or open_asks(record) or timeout_s <= 0:
        return record
    with suppress(TimeoutError):
        following = exchange.follow(caller, job_id, record.events)
        async with asyncio.timeout(timeout_s), aclosing(following) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                if hear is not None:
                    await hear(event)
                if event.type == "waiting" and open_asks(await exchange.record(caller, job_id)):
                    break
    return await exchange.record(caller, job_id)
