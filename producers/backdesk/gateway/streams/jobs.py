"""The events of one job, as frames of a stream: first the log, then the channel."""

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


async def job_frames(
    client: AsyncJobClient, job_id: str, after: int, *, heartbeat_s: float, resumes: bool = True
) -> AsyncGenerator[bytes]:
    """Yield the events of a job beyond a number, in order and each once, until it ends; a heartbeat in silence.

    It is subscribed while it is iterated. Nothing is kept for one who does not listen: what the channel brings beyond a
    few messages is let go, and read in the log. `resumes` tells the client when to connect anew, should it break.
    """
    if resumes:
        yield retry_after(RECONNECT_MS)
    cursor = Cursor(after)
    following = AsyncFollowing(client, client.core.keys.progress(job_id), None, heartbeat_s)
    try:
        while not cursor.done:
            # First the subscription, then the log: what happens in between is in both, never in neither.
            await following.follow()
            logged, ended = await following.look(partial(client.progress, job_id, cursor.seq))
            told = False
            for piece in _pieces(cursor.take(logged)):
                told = True
                yield piece
            if ended:
                return
            if not told:
                yield HEARTBEAT
            async with aclosing(_live(following, cursor)) as live:
                async for data in live:
                    yield data
    finally:
        following.close()


def job_frame(event: JobEvent) -> bytes:
    """Return an event as a frame; its id is its `seq`."""
    return frame(event.model_dump_json().encode(), event=event.type, id_=str(event.seq))


def _pieces(events: Iterable[JobEvent]) -> Iterable[bytes]:
    piece = bytearray()
    for event in events:
        piece += job_frame(event)
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def _live(following: AsyncFollowing, cursor: Cursor) -> AsyncGenerator[bytes]:
    """Yield what the channel brings, until the log must be read: after silence, a gap or a lost connection."""
    while not cursor.done and (message := await following.heard()) is not None:
        event = read_message(message)
        if event is None or not (cursor.follows(event) or cursor.seen(event)):
            return
        for taken in cursor.take([event]):
            yield job_frame(taken)
