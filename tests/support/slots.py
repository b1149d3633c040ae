"""Kinds whose jobs take several slots. Loaded by BACKDESK_TASK_MODULES."""

from __future__ import annotations

import asyncio
import time

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.task import task
from tests.support.kinds import Number


@task("slots.two", slots=2)
async def two(ctx: TaskContext, request: Number) -> Number:
    await asyncio.sleep(request.n)
    return request


@task("slots.three", slots=3)
async def three(ctx: TaskContext, request: Number) -> Number:
    await asyncio.sleep(request.n)
    return request


@task("slots.tool", queue="tools", slots=2)
def tool(ctx: BlockingContext, request: Number) -> Number:
    time.sleep(request.n)
    return request
