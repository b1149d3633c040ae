"""Kinds whose bodies the tests write themselves, for attempts in the test's own process."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.failure import Failure
from tests.support.kinds import Anything, Text

_BODIES: dict[str, Callable[[Any], Any]] = {}
_NUMBERS = itertools.count(1)


def remembered(body: Callable[[Any], Any]) -> str:
    """Keep a body, and return the word by which a request asks for it."""
    word = f"{body.__name__}-{next(_NUMBERS)}"
    _BODIES[word] = body
    return word


@task("body.async")
async def run_async(ctx: TaskContext, request: Text) -> Anything:
    return Anything(value=await _BODIES[request.text](ctx))


@task("body.def")
def run_def(ctx: BlockingContext, request: Text) -> Anything:
    return Anything(value=_BODIES[request.text](ctx))


async def _answer(ctx: TaskContext, request: Text, failure: Failure) -> Anything:
    return Anything(value=f"instead of {failure.code}")


def _answer_def(ctx: BlockingContext, request: Text, failure: Failure) -> Anything:
    return Anything(value=f"instead of {failure.code}")


async def _fail(ctx: TaskContext, request: Text, failure: Failure) -> Anything:
    raise RuntimeError("the fallback fails too")


async def _ask(ctx: TaskContext, request: Text, failure: Failure) -> Anything:
    return Anything(value=(await ctx.ask("instead", "What instead?")).value)


task("fallback.async", fallback=_answer)(run_async)
task("fallback.def", fallback=_answer_def)(run_def)
task(
    "fallback_for_all.async",
    fallback=_answer,
    fallback_for=lambda failure: failure.code != "authorization",
)(run_async)
task("fallback_fails.async", fallback=_fail)(run_async)
task("fallback_asks.async", fallback=_ask)(run_async)
