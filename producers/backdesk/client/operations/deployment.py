"""The state of the whole deployment, and the notice that it is under maintenance."""

from __future__ import annotations

import re
from datetime import timedelta

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.deployment import Demand, MaintenanceNotice, SystemState, checked_message, checked_span_s
from backdesk.worker.model.job import NAME_PATTERN
from backdesk.worker.settings import Settings
from backdesk.worker.store.deployment import SystemCalls, read_notice
from backdesk.worker.store.keys import Keys


def challenge(settings: Settings) -> Operation[None]:
    """Have a server that is no longer the primary say so, by a write that changes nothing."""
    yield Commands([("HDEL", Keys(settings.prefix).rights, "-")])


def check_queue(queue: str) -> None:
    """Raise InvalidRequest for what is no name of a queue."""
    if not (isinstance(queue, str) and re.fullmatch(NAME_PATTERN, queue)):
        raise InvalidRequest("queue", f"{queue!r} must be the name of a queue")


class DeploymentOperations:
    """The operations about the deployment as a whole."""

    def __init__(self, core: JobOperations) -> None:
        self._key = core.keys.maintenance
        self._calls = SystemCalls(core.settings)

    def state(self) -> Operation[SystemState]:
        """Return what there is to do and to do it with."""
        (state,) = yield Calls([self._calls.state()])
        return state  # type: ignore[no-any-return]  # replies are untyped

    def demand(self, queue: str) -> Operation[Demand]:
        """Return how many slots a queue could use; raises InvalidRequest for what is no name."""
        check_queue(queue)
        (demand,) = yield Calls([self._calls.demand(queue)])
        return demand  # type: ignore[no-any-return]  # replies are untyped

    def begin_maintenance(self, message: str, for_: float | timedelta | None) -> Operation[MaintenanceNotice]:
        """Tell that there is a maintenance; raises InvalidRequest."""
        for_ms = None if for_ is None else round(checked_span_s(for_) * 1000)
        (notice,) = yield Calls([self._calls.declare(checked_message(message), for_ms)])
        return notice  # type: ignore[no-any-return]  # as above

    def end_maintenance(self) -> Operation[bool]:
        """Take the notice back; returns whether there was one."""
        (removed,) = yield Commands([("DEL", self._key)])
        return bool(removed)

    def maintenance(self) -> Operation[MaintenanceNotice | None]:
        """Return the notice, None while there is none."""
        (raw,) = yield Commands([("GET", self._key)])
        return read_notice(raw) if raw else None
