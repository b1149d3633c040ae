"""The turn that answers a message, live, wherever its job leads."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.asks import open_asks
from backdesk.gateway.exchange import Exchange
from backdesk.gateway.service import Gateway
from backdesk.gateway.streams.jobs import job_events
from backdesk.gateway.turns import Ended, Part, TurnReader
from backdesk.worker.errors import BackdeskError, JobNotFound, NotCancellable, ResultTimeout
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord

#: How often a job that is waited for is looked at: of what it asks nobody is told who does not stream. Seconds.
LOOK_EVERY_S = 0.5


async def parts_of(
    exchange: Exchange, job_id: str, chat: Chat | None, *, silence_s: float
) -> AsyncGenerator[list[Part]]:
    """Yield the parts of a turn from its first event, as they happen; none after silence.

    A job whose message another one has taken is answered by that: the turn goes on with its parts.
    """
    followed: str | None = job_id
    while followed is not None:
        job_id, followed = followed, None
        reader = TurnReader(chat)
        async with aclosing(job_events(exchange.client, job_id, 0, silence_s=silence_s)) as batches:
            async for events in batches:
                parts = [part for event in events for part in reader.read(event, await _omitted(exchange, event))]
                if parts and isinstance(last := parts[-1], Ended) and last.into is not None:
                    followed = last.into
                    parts.pop()
                yield parts


async def parts_so_far(exchange: Exchange, record: JobRecord, chat: Chat | None) -> list[Part]:
    """Return the parts of a turn as far as it is."""
    events, _ = await exchange.client.progress(record.id, 0)
    reader = TurnReader(chat)
    parts = [part for event in events for part in reader.read(event, await _omitted(exchange, event))]
    if parts and isinstance(last := parts[-1], Ended) and last.into is not None:
        return [*parts[:-1], *await parts_so_far(exchange, await exchange.client.get(last.into), chat)]
    return parts


async def _omitted(exchange: Exchange, event: JobEvent) -> object:
    """Return the result of a job whose last event leaves it out; None where there is nothing to fetch."""
    if not event.data.get("result_omitted"):
        return None
    try:
        return await exchange.client.result(event.job_id)
    except BackdeskError:
        return None


async def awaited(gateway: Gateway, caller: Caller, job_id: str) -> JobRecord:
    """Return the record of a job that has ended, or asks something of people.

    Nobody streams for one who only waits. Raises ResultTimeout, which names the job, JobNotFound.
    """
    deadline = time.monotonic() + gateway.settings.max_wait_s
    while True:
        left_s = deadline - time.monotonic()
        record = await gateway.exchange.wait(caller, job_id, min(LOOK_EVERY_S, left_s))
        if record.done or open_asks(record):
            return record
        if left_s <= 0:
            raise ResultTimeout(job_id, gateway.settings.max_wait_s)


async def hung_up(gateway: Gateway, caller: Caller, job_id: str) -> None:
    """End a job whose client has gone, unless it has ended by then."""
    with suppress(NotCancellable, JobNotFound):
        await gateway.exchange.cancel(caller, job_id, "the client hung up")
