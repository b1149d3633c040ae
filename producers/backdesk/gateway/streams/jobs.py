"""The events of one job, as frames of a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from backdesk.client import AsyncJobClient
from backdesk.gateway.streams.sse import frame, retry_after

#: After so long a client of a stream that broke connects anew. Milliseconds.
RECONNECT_MS = 2000


async def job_frames(client: AsyncJobClient, job_id: str, after: int) -> AsyncGenerator[bytes]:
    """Yield the events of a job beyond a number, until it ends."""
    yield retry_after(RECONNECT_MS)
    async with client.watch(job_id, after) as following:
        async for event in following:
            yield frame(event.model_dump(mode="json"), event=event.type, id_=str(event.seq))
