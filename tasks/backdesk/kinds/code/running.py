"""One run of code that an agent has written, in isolation and in a folder of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.tools.code.contract import OFF, CodeRequest, CodeRun, MadeFile
from backdesk.tools.code.run import python, reported
from backdesk.tools.code.runner import CODE, REPORT
from backdesk.tools.code.settings import CodeSettings
from backdesk.tools.isolation.folder import JobFolder, files_in, read_file, sweep_at_times
from backdesk.tools.isolation.launch import Ended, NotStarted
from backdesk.tools.isolation.sandbox import run
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import InvalidRequest, StoreFull, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.attachment import attachment_id

#: The most files that are kept of a run.
MOST_FILES = 20
TELL_EVERY_S = 1.0


async def run_in_folder(ctx: TaskContext, request: CodeRequest) -> CodeRun:
    """Run code, and return what came of it. Raises TaskError where none is run, or it cannot be started."""
    settings = settings_of(CodeSettings)
    if not settings.enabled:
        raise TaskError(OFF, "Code is not run here: BACKDESK_CODE_TOOL is off.", category=Category.AUTHORIZATION)
    seconds = min(request.seconds or settings.seconds, settings.seconds)
    async with _folder(ctx, request) as folder:
        program = python(settings, seconds)
        try:
            async with _told(ctx, seconds):
                ended = await run(program, folder.path)
        except NotStarted as error:
            raise TaskError("sandbox_failed", f"Python could not be started in isolation: {error}") from None
        report = await asyncio.to_thread(reported, folder.path, ended)
        made, left_out = await _kept(ctx, request, folder)
    ctx.measure("code_cpu_seconds", ended.cpu_seconds)
    return _result(ended).model_copy(update={**report.model_dump(), "files": made, "left_out": left_out})


@asynccontextmanager
async def _folder(ctx: TaskContext, request: CodeRequest) -> AsyncIterator[JobFolder]:
    """Have a folder with the code and its files; remove it at the end."""
    data_dir = deployment().settings.data_dir
    folder = JobFolder(data_dir, ctx.tenant, ctx.job_id, "code", ctx.attempt)
    await asyncio.to_thread(sweep_at_times, data_dir)
    await asyncio.to_thread(folder.remove)
    try:
        await asyncio.to_thread(folder.make)
        for each in request.files:
            data = await ctx.attached(each.id)
            if data is None:
                message = f"{ctx.tenant!r} has no file {each.id} (any more): attach it anew"
                raise TaskError("attachment_unknown", message, category=Category.VALIDATION)
            await asyncio.to_thread(folder.put, each.name, data)
        await asyncio.to_thread(folder.put, CODE, request.code.encode("utf-8", "replace"))
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(folder.remove))


@asynccontextmanager
async def _told(ctx: TaskContext, seconds: float) -> AsyncIterator[None]:
    """Tell how long it runs; how far that is, nobody knows."""

    async def tell() -> None:
        began = time.monotonic()
        while True:
            ctx.progress(None, f"runs since {time.monotonic() - began:.0f} s, at most {seconds:g} s")
            await asyncio.sleep(TELL_EVERY_S)

    telling = asyncio.ensure_future(tell())
    try:
        yield
    finally:
        telling.cancel()


async def _kept(ctx: TaskContext, request: CodeRequest, folder: JobFolder) -> tuple[list[MadeFile], list[str]]:
    """Keep the files that the code has made or changed; return them, and why others are not kept."""
    given = {each.name: each.id for each in request.files}
    made, left_out = list[MadeFile](), list[str]()
    found = [each for each in await asyncio.to_thread(_listed, folder) if each not in (CODE, REPORT)]
    for name in found:
        shown = "".join(each if each.isprintable() else "_" for each in name)[:200]
        data = await asyncio.to_thread(read_file, folder.path, name, ctx.max_attachment_bytes)
        if data is None:
            left_out.append(f"{shown}: is larger than {ctx.max_attachment_bytes} bytes")
        elif given.get(name) == attachment_id(data):
            continue
        elif len(made) == MOST_FILES:
            left_out.append(f"{shown}: is one more than the {MOST_FILES} files that are kept")
        else:
            try:
                made.append(MadeFile(name=shown, id=await ctx.attach(data, shown), size=len(data)))
            except (InvalidRequest, StoreFull) as error:
                left_out.append(f"{shown}: {error.reason if isinstance(error, InvalidRequest) else error}")
    return made, left_out[:MOST_FILES]


def _listed(folder: JobFolder) -> list[str]:
    return [name for name, _ in files_in(folder.path, 2 * MOST_FILES)]


def _result(ended: Ended) -> CodeRun:
    return CodeRun(
        stdout=ended.output,
        more_bytes=ended.more_bytes,
        stopped=ended.stopped,
        seconds=ended.seconds,
        cpu_seconds=ended.cpu_seconds,
        memory_mb=ended.memory_mb,
        level=ended.level.name,
    )
