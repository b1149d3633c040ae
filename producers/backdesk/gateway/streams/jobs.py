"""The events of one job, live: first the log, then the channel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from functools import partial

from backdesk.client import AsyncJobClient
from backdesk.client.aio.following import AsyncFollowing
from backdesk.client.operations.cursor import Cursor
from backdesk.gateway.streams.sse import HEARTBEAT, frame, retry_after
from backdesk.worker.model.events import JobEvent
from backdesk.worker.store.records import read_message

#: After so long a client of a stream that broke connects anew. Milliseconds.
RECONNECT_MS = 2000
#: A log is sent in pieces of about so many bytes: a client that reads slowly has no more of it in memory here.
PIECE_BYTES = 64 * 1024


async def job_events(
    client: AsyncJobClient, job_id: str, after: int, *, silence_s: float
) -> AsyncGenerator[list[JobEvent]]:
    """Yield the events of a job beyond a number, in order and each once, until it ends; none after silence.

    It is subscribed while it is iterated. Nothing is kept for one who does not listen: what the channel brings beyond a
    few messages is let go, and read in the log.
    """
    cursor = Cursor(after)
    following = AsyncFollowing(client, client.core.keys.progress(job_id), None, silence_s)
    try:
        while not cursor.done:
            # First the subscription, then the log: what happens in between is in both, never in neither.
            await following.follow()
            logged, ended = await following.look(partial(client.progress, job_id, cursor.seq))
            yield [*cursor.take(logged)]
            if ended:
                return
            async with aclosing(_live(following, cursor)) as live:
                async for event in live:
                    yield [event]
    finally:
        following.close()


async def _live(following: AsyncFollowing, cursor: Cursor) -> AsyncGenerator[JobEvent]:
    """Yield what the channel brings, until the log must be read: after silence, a gap or a lost connection."""
    while not cursor.done and (message := await following.heard()) is not None:
        event = read_message(message)
        if event is None or not (cursor.follows(event) or cursor.seen(event)):
            return
        for taken in cursor.take([event]):
            yield taken


async def job_frames(client: AsyncJobClient, job_id: str, after: int, *, heartbeat_s: float) -> AsyncGenerator[bytes]:
    """Yield the frames of a job's events, and a heartbeat in silence. The id of each is its `seq`."""
    yield retry_after(RECONNECT_MS)
    async with aclosing(job_events(client, job_id, after, silence_s=heartbeat_s)) as batches:
        async for events in batches:
            for piece in in_pieces(job_frame(event) for event in events):
                yield piece
            if not events:
                yield HEARTBEAT


def job_frame(event: JobEvent, id_: str | None = None) -> bytes:
    """Return an event as a frame; its id is its `seq`, unless another is given."""
    return frame(event.model_dump_json().encode(), event=event.type, id_=str(event.seq) if id_ is None else id_)


def in_pieces(frames: Iterable[bytes]) -> Iterable[bytes]:
    """Yield frames, joined to pieces of a bounded size."""
    piece = bytearray()
    for each in frames:
        piece += each
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
