"""Kinds that are conversations, for clients of chats."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict

from backdesk.worker import Category, TaskContext, TaskError, task
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.retry import RetryPolicy

CHAT = Chat(input="message", conversation="conversation_id", output="answer")


class Message(BaseModel):
    """What is said."""

    model_config = ConfigDict(extra="forbid")

    message: str
    conversation_id: str | None = None
    customer_id: str | None = None


class Reply(BaseModel):
    """What is answered."""

    answer: str


async def _say(ctx: TaskContext, text: str) -> Reply:
    """Tell an answer word by word."""
    for word in text.split(" "):
        ctx.token(f"{word} " if word != text.rsplit(" ", maxsplit=1)[-1] else word)
        await asyncio.sleep(0.01)
    return Reply(answer=text)


@task("talk.echo", chat=CHAT)
async def echo(ctx: TaskContext, request: Message) -> Reply:
    """Say what was said."""
    ctx.progress(0.5, "half of it")
    ctx.emit("tool_called", tool="look", call_id="c1", args={"at": "it"})
    ctx.emit("tool_returned", tool="look", call_id="c1", outcome="success", summary="seen")
    return await _say(ctx, f"You said: {request.message}")


@task("talk.slow", chat=CHAT)
async def slow(ctx: TaskContext, request: Message) -> Reply:
    """Say a hundred words, for five seconds."""
    for number in range(100):
        ctx.token(f"{number} ")
        await asyncio.sleep(0.05)
    return Reply(answer="".join(f"{number} " for number in range(100)))


@task("talk.again", chat=CHAT, retry=RetryPolicy(attempts=2, base_s=0.01, cap_s=0.02))
async def again(ctx: TaskContext, request: Message) -> Reply:
    """Say something in vain, and then something else."""
    if ctx.attempt == 1:
        await _say(ctx, "This is void")
        raise TaskError("busy", "come back later", category=Category.RATE_LIMIT, transient=True)
    return await _say(ctx, "This stands")


@task("talk.ask", chat=CHAT)
async def ask(ctx: TaskContext, request: Message) -> Reply:
    """Have something approved, and then a question answered."""
    approved = await ctx.approval("refund", "May it be refunded?", cents=1250)
    colour = await ctx.ask("colour", "Which colour?", choices=["red", "blue"])
    return await _say(ctx, f"{approved.decision} by {approved.by}, {colour.decision}")


@task("talk.fail", chat=CHAT)
async def fail(ctx: TaskContext, request: Message) -> Reply:
    """Begin to say something, and fail."""
    await _say(ctx, "It begins")
    raise TaskError("broken", "it cannot be said", category=Category.UNKNOWN, transient=False)


@task("talk.remember", chat=CHAT)
async def remember(ctx: TaskContext, request: Message) -> Reply:
    """Say what was said, and remember both."""
    answer = f"You said: {request.message}"
    turn = [{"role": "user", "content": request.message}, {"role": "assistant", "content": answer}]
    await ctx.remember(request.conversation_id or ctx.job_id, turn)
    return Reply(answer=answer)
