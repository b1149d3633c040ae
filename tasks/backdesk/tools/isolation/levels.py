"""The levels of isolation that this machine has: each is tried once, with a program, before anybody relies on it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from backdesk.platform.tool_settings import settings_of
from backdesk.tools.isolation.launch import Level, NotStarted, run_at
from backdesk.tools.isolation.program import Program, SandboxLimits
from backdesk.tools.isolation.seccomp import Unusable
from backdesk.tools.isolation.settings import SandboxSettings
from backdesk.worker.errors import ConfigurationError

_TRY_S = 10.0
_lock = threading.Lock()
_tried: dict[Level, str | None] = {}


async def level() -> Level:
    """Return the best level of this machine. Raises ConfigurationError when it is below the least one allowed."""
    least = Level[settings_of(SandboxSettings).least]
    for each in sorted(Level, reverse=True):
        if each >= least and await why_not(each) is None:
            return each
    reasons = "; ".join(f"{each.name}: {_tried[each]}" for each in sorted(Level, reverse=True) if each >= least)
    raise ConfigurationError(
        f"programs of agents cannot be isolated here as BACKDESK_SANDBOX_LEAST={least.name} asks: {reasons}. Install "
        "what is missing, or set BACKDESK_SANDBOX_LEAST to a lower level if you trust what agents run"
    )


async def why_not(wanted: Level) -> str | None:
    """Return what keeps a level from being used here, None when it works. It is tried once in a process."""
    if wanted not in _tried:
        reason = await _try(wanted)
        with _lock:
            _tried.setdefault(wanted, reason)
    return _tried[wanted]


def tried() -> Mapping[Level, str | None]:
    """Return what is known by now."""
    return dict(_tried)


def level_in_words() -> str:
    """Say the level, for `backdesk health`. Blocks. Raises ConfigurationError as `level`."""
    return asyncio.run(level()).name


async def _try(wanted: Level) -> str | None:
    if wanted is not Level.limits and sys.platform != "linux":
        return "it needs Linux"
    path = shutil.which("true", path="/usr/bin:/bin")
    if path is None:
        return "there is no program `true` to try it with"
    program = Program(Path(path), ["true"], limits=SandboxLimits(seconds=_TRY_S))
    try:
        with tempfile.TemporaryDirectory(prefix="backdesk-sandbox-") as folder:
            ended = await run_at(wanted, program, Path(folder))
    except (Unusable, NotStarted) as error:
        return str(error)
    return None if ended.exit_code == 0 else f"it does not work here: {ended.output.strip()[-200:]}"
