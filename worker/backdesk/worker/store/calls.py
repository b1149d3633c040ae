"""What every call of a script has in common, for one deployment. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.scripts import Argument, Call, load_script

T = TypeVar("T")


class CallBuilder:
    """Builds calls of scripts. `clock` gives ms in tests; by default the time is that of Redis."""

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._common = (settings.idle_window, settings.retention_s * 1000)

    def _call(self, script: str, *arguments: Argument, read: Callable[[Any], T]) -> Call[T]:
        now = self._clock() if self._clock else ""
        return Call(load_script(script), (self._settings.prefix, now, *self._common, *arguments), read)

    def _of(self, claim: Claim, script: str, *arguments: Argument, read: Callable[[Any], T]) -> Call[T]:
        """Build a call of an attempt; each of these may take effect only after the one before has."""
        call = self._call(script, claim.job_id, claim.attempt, *arguments, read=read)
        return replace(call, chain=(claim.job_id, claim.attempt))
