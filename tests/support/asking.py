"""Kinds of jobs that need somebody: an approval, an answer, a decision, another job, another attempt."""

from __future__ import annotations

import asyncio
import os

from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.child import ChildCall
from backdesk.worker.model.retry import RetryPolicy
from tests.support.kinds import Anything, Number, Text


def leave_word(path: str, word: str) -> str:
    """Add a line to a file, from which a test reads what was done."""
    with open(path, "a") as file:  # noqa: PTH123 - a path of the request
        file.write(word + "\n")
    return word


@task("test.approval")
async def approval(ctx: TaskContext, request: Text) -> Anything:
    """Have something approved, and tell the answer."""
    answer = await ctx.approval("refund", f"May {request.text} be refunded?", within=3600, order=10003, cents=1250)
    return Anything(value=[answer.approved, answer.by, answer.note])


@task("test.approval_of_people")
async def approval_of_people(ctx: TaskContext, request: Text) -> Anything:
    """Have something approved by a person, and by no program in their place."""
    answer = await ctx.approval("wire", f"May {request.text} be wired?", human_only=True)
    return Anything(value=[answer.approved, answer.by, answer.note])


@task("test.two_approvals")
async def two_approvals(ctx: TaskContext, request: Text) -> Anything:
    """Wait for two people at the same time."""
    async with asyncio.TaskGroup() as group:
        for key in ("first", "second"):
            group.create_task(ctx.approval(key, f"The {key}?"))
    return Anything(value="both")


@task("test.question")
async def question(ctx: TaskContext, request: Text) -> Anything:
    """Ask what to do; the text lists the choices, if any."""
    choices = request.text.split() if request.text != "free" else []
    answer = await ctx.ask("what", "What shall it be?", choices=choices)
    return Anything(value=answer.decision or answer.value)


@task("test.unsafe")
async def unsafe(ctx: TaskContext, request: Number) -> Anything:
    """Run a step that must not be repeated and that does not tell how it ended, unless the file `flag` exists."""

    def charge() -> str:
        if os.path.exists(request.flag):  # noqa: PTH110 - a test's signal
            return "charged at last"
        raise OSError("the line went dead")

    return Anything(value=await ctx.step("charge", charge, effect="unsafe"))


@task("test.parent")
async def parent(ctx: TaskContext, request: Text) -> Anything:
    """Have another job do something."""
    ends = await ctx.call_all([ChildCall("test.echo", {"text": request.text}, key="one")])
    return Anything(value=[end.state for end in ends])


@task("test.parent_of_asking")
async def parent_of_asking(ctx: TaskContext, request: Text) -> Anything:
    """Have another job ask for an approval."""
    return Anything(value=(await ctx.call("test.approval", {"text": request.text})).state)


@task("test.busy", retry=RetryPolicy(attempts=3, base_s=0.01, cap_s=0.02))
async def busy(ctx: TaskContext, request: Number) -> Number:
    """Find the provider busy in the first `n` attempts."""
    if ctx.attempt <= request.n:
        raise TaskError("busy", "come back later", category=Category.RATE_LIMIT, transient=True)
    return request


@task("test.stepwise")
async def stepwise(ctx: TaskContext, request: Number) -> Anything:
    """Do two steps, each leaving word in the file `flag`, and fail between them in the first run of a job of n = 1."""
    first = await ctx.step("first", leave_word, request.flag, "first", effect="idempotent")
    if request.n and not os.path.exists(f"{request.flag}.mended"):  # noqa: PTH110, ASYNC240 - a test's signal
        raise TaskError("broken", "the second step cannot be done")
    second = await ctx.step("second", leave_word, request.flag, "second", effect="pure")
    return Anything(value=[first, second])


async def fall_back(ctx: TaskContext, request: Text, failure: object) -> Text:
    return Text(text="a guess")


@task("test.guess", retry=RetryPolicy(attempts=1), fallback=fall_back)
async def guess(ctx: TaskContext, request: Text) -> Text:
    raise TaskError("model_down", "nobody is there", category=Category.NETWORK, transient=True)


@task("test.journey")
async def journey(ctx: TaskContext, request: Number) -> Anything:
    """Do three steps, each leaving word in the file `flag`, and fail after them when n is 0."""
    plan = await ctx.step("plan", leave_word, request.flag, "plan", effect="pure")
    charge = await ctx.step("charge", leave_word, request.flag, "charge", effect="unsafe")
    mail = await ctx.step("mail", leave_word, request.flag, f"mail of {plan}", effect="idempotent")
    if not request.n:
        raise TaskError("broken", "the journey cannot be made")
    return Anything(value=[plan, charge, mail])
