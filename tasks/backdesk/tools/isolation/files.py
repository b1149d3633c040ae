"""The folder of the attempt at a desk, and what comes into it."""

from __future__ import annotations

import asyncio
import re

from backdesk.agents.desk import Desk
from backdesk.tools.isolation.folder import JobFolder, sweep_at_times
from backdesk.tools.isolation.program import SandboxLimits

LONGEST_NAME = 100
_UNUSUAL = re.compile(r"[^\w.() -]")


async def folder_of_job(desk: Desk, purpose: str) -> JobFolder:
    """Return the folder of the attempt at hand, the same at each call, which goes with its end.

    Removes those that nobody has used, too.
    """
    data = desk.settings.data_dir
    folder = JobFolder(data, desk.tenant, desk.key(f"folder/{purpose}"), purpose, desk.attempt)
    desk.ending.push_async_callback(asyncio.to_thread, folder.remove)
    await asyncio.to_thread(folder.make)
    await asyncio.to_thread(sweep_at_times, data)
    return folder


async def put_attachments(desk: Desk, folder: JobFolder, limits: SandboxLimits) -> list[str]:
    """Put the files of the message into a folder, those that are not there; return a sentence for each left out."""
    left_out, room = [], limits.folder_mb * 1024**2
    names = file_names([each.name for each in desk.attached])
    for attached, name in zip(desk.attached, names, strict=True):
        room -= attached.size
        if room < 0:
            left_out.append(f"{name} is left out: the folder holds {limits.folder_mb} MB")
        elif not (folder.path / name).exists():
            data = await desk.files(attached.id)
            if data is None:
                left_out.append(f"{name} is no longer kept")
            else:
                await asyncio.to_thread(folder.put, name, data)
    return left_out


def file_names(given: list[str]) -> list[str]:
    """Return names that files can have in one folder, each once, as like as possible to those given."""
    names: list[str] = []
    for at, each in enumerate(given, 1):
        stem = _UNUSUAL.sub("_", each)[-LONGEST_NAME:].lstrip(".- ") or f"file-{at}"
        names.append(stem if stem not in names else f"{at}-{stem}")
    return names
