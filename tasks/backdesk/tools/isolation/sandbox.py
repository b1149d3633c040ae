"""The one call that tools make: run a program as well isolated as this machine can, a few at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from weakref import WeakKeyDictionary

from backdesk.platform.tool_settings import settings_of
from backdesk.tools.isolation.launch import Ended, run_at
from backdesk.tools.isolation.levels import level
from backdesk.tools.isolation.program import Program
from backdesk.tools.isolation.settings import SandboxSettings

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def run(program: Program, folder: Path) -> Ended:
    """Run a program in a folder, and return how it ended; waits while others take all places of this process.

    Cancelled, it is dead before this returns, and so it is soon after the worker is. Raises ConfigurationError where
    the machine cannot isolate it as the settings ask, and NotStarted.
    """
    at = await level()
    places = _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(settings_of(SandboxSettings).at_once))
    async with places:
        return await run_at(at, program, folder)
