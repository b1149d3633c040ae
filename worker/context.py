"""What a task body sees of the engine: one object, whose calls never block and never fail a run by being slow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from worker.events import EventType, check_emittable
from worker.job import Claim, Usage


class ProgressSink(Protocol):
    """Where a context's events go. Both methods return at once; delivery happens behind them."""

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        """Append one event to the job's log and publish it, in the order of the calls."""

    def token(self, text: str) -> None:
        """Add text to the answer that is being streamed; pieces are joined into one event every 50 ms or so."""

    @property
    def watched(self) -> bool:
        """Whether somebody subscribes to this job's progress right now."""


class TaskContext:
    """The attempt at hand: who asks for what, and how to tell them how it goes."""

    def __init__(self, claim: Claim, sink: ProgressSink) -> None:
        self._sink = sink
        self.job_id = claim.job_id
        self.kind = claim.kind
        self.tenant = claim.tenant
        self.attempt = claim.attempt
        self.metadata = claim.metadata
        #: When the answer stops being of use, or None.
        self.deadline: datetime | None = claim.expires_at
        #: Add to it what the job consumes; it is kept with the job's record.
        self.usage = Usage()

    @property
    def watched(self) -> bool:
        """Whether somebody subscribes to this job's progress right now; streaming is worth its cost only then."""
        return self._sink.watched

    def progress(self, fraction: float | None = None, message: str = "", **data: Any) -> None:
        """Tell how far the job is: `fraction` from 0 to 1 (None when unknown), a message for people, and any JSON data.

        Raises ValueError when the fraction is outside 0 to 1.
        """
        if fraction is not None:
            if not 0 <= fraction <= 1:
                raise ValueError(f"fraction must be between 0 and 1, not {fraction!r}")
            data["fraction"] = round(fraction, 4)
        if message:
            data["message"] = message
        self._sink.emit(EventType.PROGRESS, data)

    def emit(self, event_type: str, **data: Any) -> None:
        """Emit an event with JSON data: one of the types for bodies, or a lower-case type of your own.

        Raises ValueError for a type of the life cycle, a malformed type, or data over the event size limit, and
        TypeError for data that is no JSON.
        """
        check_emittable(event_type)
        self._sink.emit(event_type, data)

    def token(self, text: str) -> None:
        """Stream a piece of the answer. Pieces are joined; while nobody watches they are dropped."""
        self._sink.token(text)
