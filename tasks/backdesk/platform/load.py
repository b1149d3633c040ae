"""How busy the deployment is, in words that customers understand."""

from __future__ import annotations

from typing import Literal

from backdesk.worker.model.deployment import SystemState

LoadLevel = Literal["stopped", "low", "high", "overloaded"]

#: Jobs that run or are queued for each slot.
HIGH, OVERLOADED = 0.7, 1.0

_WORDS: dict[LoadLevel, str] = {
    "stopped": "no worker takes work at the moment, so that answers wait until one does",
    "low": "answers come at once",
    "high": "answers still come at once, but there is little to spare",
    "overloaded": "some requests have to wait, so that answers may take longer than usual",
}


def load_of(state: SystemState) -> LoadLevel:
    """Return the level of the load: over one job a slot, some have to wait."""
    load = state.load
    if load is None:
        return "stopped"
    if load > OVERLOADED:
        return "overloaded"
    return "high" if load >= HIGH else "low"


def told(state: SystemState) -> str:
    """Return the load in a sentence, with its figures."""
    level = load_of(state)
    workers = f"{state.workers} worker{'s' * (state.workers != 1)}"
    figures = f"{state.running} running and {state.queued} queued on {state.slots} slots of {workers}"
    return f"The load of the system is {level}: {_WORDS[level]} ({figures})."


def maintenance_told(state: SystemState) -> str | None:
    """Return what is known of a maintenance, in a sentence; None while there is none."""
    notice = state.maintenance
    if notice is None:
        return None
    until = f"until {notice.until:%Y-%m-%d %H:%M} UTC" if notice.until else "with no end set"
    return f"There is a maintenance since {notice.since:%Y-%m-%d %H:%M} UTC, {until}: {notice.message}"
