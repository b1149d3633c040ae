"""The calls that are about the deployment as a whole: its state, and the notice of a maintenance. Pure."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

from backdesk.worker.model.deployment import MaintenanceNotice, QueueState, SystemState
from backdesk.worker.store.calls import CallBuilder
from backdesk.worker.store.jobs import moment, text
from backdesk.worker.store.scripts import Call


class SystemCalls(CallBuilder):
    """Builds the calls about the deployment."""

    def state(self) -> Call[SystemState]:
        """Read what there is to do and to do it with; changes nothing. Its time does not grow with jobs or tenants."""
        return self._call("system", *self._settings.queues, read=_read_state)

    def declare(self, message: str, for_ms: int | None) -> Call[MaintenanceNotice]:
        """Tell that the deployment is under maintenance, for a time or until it is taken back; gives the notice."""
        return self._call("declare", to_json(message), "" if for_ms is None else for_ms, read=read_notice)


def read_notice(raw: bytes) -> MaintenanceNotice:
    """Return the notice that the store holds as JSON."""
    told = from_json(raw)
    until_ms = told["until"]
    return MaintenanceNotice(
        message=told["message"], since=moment(told["since"]), until=None if until_ms is None else moment(until_ms)
    )


def _read_state(reply: list[Any]) -> SystemState:
    now, running, queued, slots, workers, notice, told = reply
    each = zip(told[::4], told[1::4], told[2::4], told[3::4], strict=True)
    return SystemState(
        at=moment(now),
        running=running,
        queued=queued,
        slots=slots,
        workers=workers,
        queues={text(name): QueueState(running=its, queued=waiting, slots=free) for name, its, waiting, free in each},
        maintenance=read_notice(notice) if notice else None,
    )
