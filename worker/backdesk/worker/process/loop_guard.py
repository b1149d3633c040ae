"""The guard of the event loop, against a body that blocks: such a body holds up all jobs of the process.

After one lease without an answer the body is interrupted, early enough for the jobs beside it to keep their leases. A
body that is blocked in C, where nothing can be raised, costs the process: after some leases more it ends, its jobs are
taken back, and whoever supervises it starts it again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.periodic import Periodic, PeriodicService

log = logging.getLogger(__name__)

#: While it answers, and while it does not.
LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 0.25
#: The process is ended when the loop has been silent for this many leases.
LAST_LEASE = 4
#: Its exit code: an internal error, as in sysexits.h.
EXIT_CODE = 70


class LoopGuard(PeriodicService):
    """Looks at the loop all the time, which is also what measures its lag."""

    def __init__(self, loop: ProcessLoop, lease_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(Periodic("loop-guard", LOOK_EVERY_S, self.look))
        self._loop = loop
        self._lease_s = lease_s
        self._clock_s = clock_s
        self._looked_at = clock_s()
        self._silent_s = 0.0
        self._interrupts = 0

    def look(self) -> float | None:
        """Look once, and do what the silence of the loop asks for.

        Gives in how many seconds to look again; None when it answers.
        """
        now = self._clock_s()
        # What this thread itself has slept too long, the loop has not been silent: the whole process was suspended.
        passed_s, self._looked_at = min(now - self._looked_at, 4 * LOOK_AGAIN_S), now
        if self._loop.silent_for() == 0:
            self._note_answer()
            return None
        self._silent_s += passed_s
        if self._silent_s > LAST_LEASE * self._lease_s:
            self._end_process()
        elif self._silent_s > (self._interrupts + 1) * self._lease_s:
            self._interrupt()
        return LOOK_AGAIN_S

    def _note_answer(self) -> None:
        if self._interrupts:
            log.warning("loop_answers_again", extra={"silent_s": round(self._silent_s, 1)})
        self._silent_s, self._interrupts = 0.0, 0

    def _interrupt(self) -> None:
        log.error("loop_stuck", extra={"silent_s": round(self._silent_s, 1), "stack": self._loop.stack()})
        self._interrupts += 1
        self._loop.interrupt()

    def _end_process(self) -> None:
        facts = {"silent_s": round(self._silent_s, 1), "stack": self._loop.stack()}
        log.critical("process_ended_because_its_loop_is_stuck", extra=facts)
        os._exit(EXIT_CODE)
