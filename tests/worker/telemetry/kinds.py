"""Kinds whose attempts are traced."""

from __future__ import annotations

from pydantic import BaseModel

from backdesk.worker import BlockingContext, TaskContext, TaskError, task


class Asked(BaseModel):
    text: str = ""
    customer_id: str | None = None
    conversation_id: str | None = None


class Told(BaseModel):
    text: str


async def work(text: str) -> str:
    return text.upper()


@task("traced.parent")
async def parent(ctx: TaskContext, request: Asked) -> Told:
    """Run a step, and call another job."""
    first = await ctx.step("look:1", work, request.text)
    child = await ctx.call("traced.child", {"text": first})
    return Told.model_validate(child.result)


@task("traced.child", queue="tools")
def child(ctx: BlockingContext, request: Asked) -> Told:
    return Told(text=ctx.step("say", request.text.lower))


@task("traced.fails")
async def fails(ctx: TaskContext, request: Asked) -> Told:
    async def broken() -> str:
        raise ValueError(f"no such customer: {request.text}")

    try:
        return Told(text=await ctx.step("break", broken))
    except ValueError as error:
        raise TaskError("broken", f"about {request.text}") from error


@task("traced.alone")
async def alone(ctx: TaskContext, request: Asked) -> Told:
    return Told(text=request.text)
