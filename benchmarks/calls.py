"""The kind whose jobs call a model, as an agent's do, and nothing else: a real agent costs more CPU than there is here.

Each call is reserved, made by the client library over HTTP, settled with what it has used, and remembered as a step.
"""

from __future__ import annotations

import asyncio
import os
import random
from functools import cache

from openai import APIConnectionError, AsyncOpenAI
from pydantic import BaseModel

from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.task import task
from backdesk.worker.model.contract import ModelCheck, RequestCheck
from benchmarks.kinds import Done

#: What limits are set for.
SERVICE = "bench/model"
KIND = "bench.calls"


class CallsRequest(BaseModel):
    """How many calls one after the other, the estimate of each in tokens, and the mean time after each in seconds."""

    count: int = 1
    tokens: int = 100
    pause_s: float = 0.0


@cache
def _client() -> AsyncOpenAI:
    return AsyncOpenAI(api_key="none", base_url=os.environ["BENCH_PROVIDER_URL"] + "/v1", max_retries=0, timeout=30)


@task(KIND)
async def calls(ctx: TaskContext, request: CallsRequest) -> Done:
    """Ask a model again and again."""

    async def call() -> int:
        async with ctx.reserve(SERVICE, tokens=request.tokens) as call:
            used = await _ask()
            call.used(used)
        await asyncio.sleep(random.uniform(0.5, 1.5) * request.pause_s)
        return used

    for n in range(request.count):
        await ctx.step(f"call-{n}", call)
    return Done(n=request.count)


async def _ask() -> int:
    """Return the tokens that one call has used. Raises ConnectionError, and the library's error for a status."""
    try:
        answer = await _client().chat.completions.create(
            model="bench", messages=[{"role": "user", "content": "Where is my order 10003?"}]
        )
    except APIConnectionError as error:
        raise ConnectionError("the model cannot be reached") from error
    return answer.usage.total_tokens if answer.usage else 0


CHECKS: dict[str, RequestCheck] = {KIND: ModelCheck(REGISTRY[KIND].queue, CallsRequest)}


def environment(surroundings: dict[str, str], url: str) -> dict[str, str]:
    """Return the environment of workers that run this kind, and ask the provider at `url`."""
    return {**surroundings, "BACKDESK_TASK_MODULES": "benchmarks.calls", "BENCH_PROVIDER_URL": url}
