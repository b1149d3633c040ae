"""The progress of an attempt: its events, buffered, in order, never holding up the body.

At most one emit of an attempt is under way; what comes meanwhile goes together with the next. While nobody watches,
events are joined over a short span, or until the attempt writes something else. Text of a model's answer is joined in
any case, and dropped while nobody watches. Secrets are masked on the way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from pydantic_core import from_json

from backdesk.worker.model.events import EventDraft, EventType
from backdesk.worker.model.job import Claim
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.texts import Texts
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.writer import StoreWriter
from backdesk.worker.text.json import encode
from backdesk.worker.text.masking import MaskedStream, masked, may_hold_secrets

log = logging.getLogger(__name__)

#: Events that may wait for Redis per attempt. Beyond it, progress and text are dropped: the newest state will follow.
MAX_BUFFERED = 5000
#: How long an event waits for others that may go with it, while nobody watches. Each round trip costs more than it.
UNWATCHED_S = 0.05
_DROPPABLE = frozenset({EventType.PROGRESS, EventType.TOOL_PROGRESS, EventType.TOKEN})


class AttemptProgress:
    """The sink of one attempt's events. Safe to call from any thread."""

    def __init__(
        self,
        claim: Claim,
        writer: StoreWriter,
        transitions: Transitions,
        settings: Settings,
        loop: ProcessLoop,
        *,
        texts: Texts,
    ) -> None:
        self._claim = claim
        self._writer = writer
        self._transitions = transitions
        self._settings = settings
        self._loop = loop
        self._texts = texts
        # Taken again by the thread that holds it: an answer may be there before anybody has asked to be told of it.
        self._lock = threading.RLock()
        self._buffer: list[EventDraft] = []
        self._text: list[str] = []
        self._stream = MaskedStream()
        self._sent = 0
        self._under_way = False
        self._waiting = False
        self._dropped = 0
        self.watchers = claim.watchers

    @property
    def watched(self) -> bool:
        """Whether somebody follows the job, as of the last event or the last renewal of the lease."""
        return self.watchers > 0

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        """Append an event. Raises ValueError when its data exceeds the limit, TypeError when it is no JSON."""
        encoded = _encode(data)
        if len(encoded) > self._settings.max_event_bytes:
            limit = self._settings.max_event_bytes
            raise ValueError(f"data of event {event_type!r} is {len(encoded)} bytes as JSON, the limit is {limit}")
        with self._lock:
            self._append_text(ends=True)
            self._append(EventDraft(event_type, encoded))
            self._send()

    def sent(self, entry: bytes, texts: Mapping[str, str]) -> None:
        """Keep what was sent to a model beside the log, and the texts that it names by digest."""
        self._texts.keep(texts)
        with self._lock:
            self._buffer.append(EventDraft("", entry))
            self._send()

    def token(self, text: str) -> None:
        """Add text to the stream."""
        if not text or not self.watched:
            return
        with self._lock:
            first = not self._text
            self._text.append(text)
        if first:
            self._loop.call_later(self._settings.token_interval_ms / 1000, self._flush_text)

    def flush(self) -> None:
        """Hand everything that is left to the writer, ahead of whatever is submitted to it next."""
        with self._lock:
            self._append_text(ends=True)
            self._submit()

    def close(self) -> None:
        """Flush, and say what was dropped."""
        self.flush()
        if self._dropped:
            log.warning("events_dropped", extra={"count": self._dropped})

    def _flush_text(self) -> None:
        with self._lock:
            self._append_text(ends=False)
            self._send()

    def _append_text(self, *, ends: bool) -> None:
        """Append the text so far, without what may be the beginning of a secret unless nothing follows it."""
        text, self._text = "".join(self._text), []
        text = self._stream.add(text) if text else ""
        text += self._stream.end() if ends else ""
        if text:
            self._append(EventDraft(EventType.TOKEN, encode({"text": text.encode("utf-8", "replace").decode()})))

    def _append(self, event: EventDraft) -> None:
        if len(self._buffer) >= MAX_BUFFERED and event.type in _DROPPABLE:
            self._dropped += 1
        else:
            self._buffer.append(event)

    def _send(self) -> None:
        if self._under_way or not self._buffer:
            return
        if self.watched:
            self._submit()
        elif not self._waiting:
            self._waiting = True
            self._loop.call_later(UNWATCHED_S, self._send_late)

    def _send_late(self) -> None:
        with self._lock:
            self._waiting = False
            if not self._under_way:
                self._submit()

    def _submit(self) -> None:
        if not self._buffer:
            return
        events, self._buffer = self._buffer, []
        first, self._sent = self._sent, self._sent + len(events)
        self._under_way = True
        self._writer.submit(self._transitions.emit(self._claim, first, events)).add_done_callback(self._sent_back)

    def _sent_back(self, answer: Future[int | None]) -> None:
        if (error := answer.exception()) is not None:
            log.error("emit_failed", extra={"error": str(error)})
        elif (watchers := answer.result()) is not None:
            self.watchers = watchers
        with self._lock:
            self._under_way = False
            self._send()


def _encode(data: dict[str, Any]) -> bytes:
    try:
        encoded = encode(data)
        return encode(masked(from_json(encoded))) if may_hold_secrets(encoded) else encoded
    except ValueError as error:
        raise TypeError(f"event data must be JSON: {error}") from error
