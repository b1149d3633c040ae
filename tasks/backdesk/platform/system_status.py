"""How the deployment was when a job looked, as results show it."""

from __future__ import annotations

from typing import Literal

from backdesk.platform.contract import Contract


class SystemSeen(Contract):
    """Jobs that ran and were queued, over all slots of live workers. `maintenance` is the notice, if there was one."""

    running: int
    queued: int
    slots: int
    workers: int
    load: Literal["stopped", "low", "high", "overloaded"]
    maintenance: str | None = None
