"""Look at the system: its load, its workers, and whether it is under maintenance."""

from __future__ import annotations

from datetime import datetime

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import tool
from backdesk.platform.load import LoadLevel, load_of, maintenance_told, told
from backdesk.platform.system_status import SystemSeen
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.model.deployment import SystemState


class SystemStatus(ToolOutcome):
    """How the deployment is at the moment."""

    at: datetime
    running: int
    queued: int
    slots: int
    workers: int
    load: LoadLevel
    #: The load in a sentence for the customer, and the maintenance if there is one.
    told: str
    maintenance: str | None

    def summary(self) -> str:
        return self.told if self.maintenance is None else f"{self.told} {self.maintenance}"


@tool(Effect.PURE)
async def system_status(desk: Desk) -> SystemStatus:
    """Look at the system as it is now: how many requests run and wait, how many workers there are, any maintenance."""
    state = await desk.system()
    return SystemStatus(at=state.at, told=told(state), **seen(state).model_dump())


def seen(state: SystemState) -> SystemSeen:
    """Return what results show of the state."""
    return SystemSeen(
        running=state.running,
        queued=state.queued,
        slots=state.slots,
        workers=state.workers,
        load=load_of(state),
        maintenance=maintenance_told(state),
    )
