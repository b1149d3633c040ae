"""The calls that are about the deployment as a whole: its state, and the notice of a maintenance. Pure."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic_core import from_json, to_json

from backdesk.worker.model.deployment import Demand, MaintenanceNotice, QueueState, SystemState
from backdesk.worker.store.calls import CallBuilder, optional, text
from backdesk.worker.store.moments import moment
from backdesk.worker.store.scripts import Call, load_script


class SystemCalls(CallBuilder):
    """Builds the calls about the deployment."""

    def state(self) -> Call[SystemState]:
        """Read what there is to do and to do it with; changes nothing. Its time does not grow with jobs or tenants."""
        return self._call("system", _read_state, self._settings.queues)

    def demand(self, queue: str) -> Call[Demand]:
        """Reckon how many slots a queue could use; changes nothing. Its time does not grow with jobs or tenants."""
        return self._call("autoscale", partial(_read_demand, queue), queue=queue)

    def declare(self, message: str, for_ms: int | None) -> Call[MaintenanceNotice]:
        """Tell that the deployment is under maintenance, for a time or until it is taken back; gives the notice."""
        return self._call("declare", read_notice, message=to_json(message), lasts_ms=optional(for_ms))


def read_notice(raw: bytes) -> MaintenanceNotice:
    """Return the notice that the store holds as JSON."""
    told = from_json(raw)
    until_ms = told["until"]
    return MaintenanceNotice(
        message=told["message"], since=moment(told["since"]), until=None if until_ms is None else moment(until_ms)
    )


def _read_state(reply: list[Any]) -> SystemState:
    its = load_script("system").signature.named(reply)
    return SystemState(
        at=moment(its.now),
        running=its.running,
        queued=its.queued,
        slots=its.slots,
        workers=its.workers,
        queues={
            text(name): QueueState(running=running, queued=queued, slots=slots)
            for name, running, queued, slots in its.queues
        },
        maintenance=read_notice(its.notice) if its.notice else None,
    )


def _read_demand(queue: str, reply: list[Any]) -> Demand:
    its = load_script("autoscale").signature.named(reply)
    wanted = its.running + its.runnable
    return Demand(queue=queue, wanted_slots=wanted, running=its.running, runnable=its.runnable, held=its.held)
