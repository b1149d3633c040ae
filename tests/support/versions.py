"""A kind whose version is that of its worker (`TEST_VERSION`), under three names for what it does with older jobs.

Each writes its version in a step, waits until a person says so, and returns both versions. Loaded by
BACKDESK_TASK_MODULES.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from tests.support.kinds import Text

VERSION = os.environ.get("TEST_VERSION", "1")


async def _work(ctx: TaskContext) -> Text:
    first = await ctx.step("first", partial(str, VERSION))
    await ctx.approval("go", "Go on?")
    return Text(text=f"{first}, then {VERSION}")


@task("versions.waits", version=VERSION, mismatch="wait")
async def waits(ctx: TaskContext, request: Text) -> Text:
    return await _work(ctx)


@task("versions.resumes", version=VERSION, resumes="1")
async def resumes(ctx: TaskContext, request: Text) -> Text:
    return await _work(ctx)


@task("versions.restarts", version=VERSION, mismatch="restart")
async def restarts(ctx: TaskContext, request: Text) -> Text:
    """Before all else, pay into the file that the request names, if it names one."""
    if request.text:
        await ctx.step("pay", partial(_pay, request.text), effect="unsafe")
    return await _work(ctx)


def _pay(file: str) -> None:
    with Path(file).open("a") as paid:
        paid.write("paid\n")
