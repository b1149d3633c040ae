"""The texts that jobs of this process have named in what they sent to models: each is written once in a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from backdesk.worker.model.sent import masked_text
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.writer import StoreWriter

_log = logging.getLogger(__name__)

#: How often they are written again, so that those in use are kept. Seconds.
RENEWED_S = 3600.0
#: Texts that one process knows at most; what a model is offered may differ from job to job.
MOST_KNOWN = 10_000


class Texts:
    """Writes texts through the writer of the process, in order with what names them. Safe to call from any thread."""

    def __init__(
        self,
        writer: StoreWriter,
        transitions: Transitions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._transitions = transitions
        self._clock = clock
        self._written: dict[str, float] = {}

    def keep(self, texts: Mapping[str, str]) -> None:
        """Write texts, by digest, that were not written lately. Returns at once."""
        now = self._clock()
        for digest, text in texts.items():
            if self._written.get(digest, now - RENEWED_S) > now - RENEWED_S:
                continue
            if len(self._written) >= MOST_KNOWN:
                self._written.clear()
            self._written[digest] = now
            call = self._transitions.text(digest, masked_text(text))
            self._writer.submit(call).add_done_callback(_report)


def _report(written: Future[Any]) -> None:
    if not written.cancelled() and (error := written.exception()) is not None:
        _log.error("text_failed", extra={"error": str(error)})
