"""Several things in one stream: jobs, and what is looked up in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from backdesk.client import AsyncJobClient
from backdesk.gateway.streams.jobs import RECONNECT_MS, job_events, job_frame
from backdesk.gateway.streams.snapshots import Snapshot
from backdesk.gateway.streams.sse import HEARTBEAT, frame, retry_after
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.events import JobEvent

#: Topics of one stream, at most.
MOST_TOPICS = 100
#: Frames that wait for a client that reads slowly; then the topics wait, too.
MOST_WAITING = 64


@dataclass(slots=True)
class Places:
    """How far each of the jobs of a stream was told, in their order. As text it is the id of a frame."""

    seqs: list[int]

    @classmethod
    def read(cls, text: str | None, jobs: int) -> Places:
        """Return the places that a frame was told at. Raises InvalidRequest."""
        if not text:
            return cls([0] * jobs)
        parts = text.split(".")
        if len(parts) != jobs or not all(part.isdecimal() and part.isascii() for part in parts):
            raise InvalidRequest("Last-Event-ID", f"{text!r} is of a stream with other topics")
        return cls([int(part) for part in parts])

    def told(self, job: int, seq: int) -> str:
        """Note an event of a job, and return the id of its frame."""
        self.seqs[job] = max(seq, self.seqs[job])
        return ".".join(map(str, self.seqs))


class Topics:
    """One stream of several: the events of jobs, each once and in their order, and snapshots as they change.

    It ends with the last of the jobs, unless there are snapshots. Each topic has a task while the stream is iterated.
    """

    def __init__(
        self,
        client: AsyncJobClient,
        jobs: Sequence[str],
        snapshots: Mapping[str, Snapshot],
        places: Places,
        heartbeat_s: float,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._snapshots = snapshots
        self._places = places
        self._heartbeat_s = heartbeat_s
        self._coming = asyncio.Queue[Callable[[], bytes] | None](MOST_WAITING)

    async def frames(self) -> AsyncGenerator[bytes]:
        """Yield the frames, and a heartbeat in silence. Raises what a job cannot be followed for."""
        yield retry_after(RECONNECT_MS)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._job(number, job_id)) for number, job_id in enumerate(self._jobs)]
            tasks += [group.create_task(self._snapshot(name, each)) for name, each in self._snapshots.items()]
            left = len(tasks)
            try:
                while left:
                    data = await self._next()
                    left -= data is None
                    if data is not None:
                        yield data
            finally:
                for task in tasks:
                    task.cancel()

    async def _next(self) -> bytes | None:
        """Return the next frame; None when a topic has ended."""
        try:
            async with asyncio.timeout(self._heartbeat_s):
                came = await self._coming.get()
        except TimeoutError:
            return HEARTBEAT
        return came and came()

    def _told(self, number: int, event: JobEvent) -> bytes:
        return job_frame(event, self._places.told(number, event.seq))

    async def _job(self, number: int, job_id: str) -> None:
        after = self._places.seqs[number]
        async with aclosing(job_events(self._client, job_id, after, silence_s=self._heartbeat_s)) as batches:
            async for events in batches:
                for event in events:
                    await self._coming.put(partial(self._told, number, event))
        await self._coming.put(None)

    async def _snapshot(self, name: str, snapshot: Snapshot) -> None:
        async with aclosing(snapshot.follow()) as values:
            async for value in values:
                await self._coming.put(partial(frame, value, event=name))
