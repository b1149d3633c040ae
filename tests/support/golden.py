"""The kinds whose jobs are recorded for the dialects: see `tests/gateway/golden/record.py`."""

from __future__ import annotations

import asyncio

from backdesk.worker import Category, TaskContext, TaskError, task
from backdesk.worker.model.retry import RetryPolicy
from tests.support.talking import CHAT, Message, Reply

FAST = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.02)


async def _write(ctx: TaskContext, *pieces: str) -> str:
    """Stream pieces of text, slowly enough that each is an event of its own."""
    for piece in pieces:
        ctx.token(piece)
        await asyncio.sleep(0.12)
    return "".join(pieces)


@task("golden.desk", chat=CHAT, retry=FAST)
async def desk(ctx: TaskContext, request: Message) -> Reply:
    """Do all that clients of a chat are told of: two agents, tools, a retry, a draft in vain, asks and a child."""
    if ctx.attempt == 1:
        ctx.emit("agent", agent="triage", previous=None, reason="first")
        await _write(ctx, "Let me ", "look it up")
        raise TaskError("overloaded", "the model is busy", category=Category.RATE_LIMIT, transient=True)
    await ctx.step("look", _look, ctx, effect="idempotent")
    approved = await ctx.approval("refund", "May 12.50 be refunded?", cents=1250)
    method = await ctx.ask("method", "How is it to be paid?", choices=["card", "voucher"])
    child = await ctx.call("golden.ledger", {"message": "12.50"})
    booked = (child.result or {})["answer"]
    done = f"It is {approved.decision}d, to your {method.decision}: {booked}."
    return Reply(answer=await _write(ctx, "Done. ", done))


async def _look(ctx: TaskContext) -> str:
    """The part before anybody is asked: what is streamed here is void when the job goes on."""
    ctx.emit("agent", agent="refunds", previous="triage", reason="a refund")
    ctx.progress(0.25, "reading the order")
    ctx.emit("tool_called", tool="find_order", call_id="call-1", args={"order": "10003"})
    ctx.emit("tool_returned", tool="find_order", call_id="call-1", outcome="success", summary="delivered, 12.50")
    ctx.emit("tool_called", tool="find_label", call_id="call-2", args={})
    ctx.emit("tool_returned", tool="find_label", call_id="call-2", outcome="failed", summary="there is none")
    await _write(ctx, "You get ", "100.00 back.")
    ctx.emit("review", agent="refunds", passed=False, overall=0.2, scores={}, failed=["figures"], correction=0)
    await _write(ctx, "A refund of 12.50 ", "needs an approval.")
    ctx.emit("review", agent="refunds", passed=True, overall=0.9, scores={}, failed=[], correction=1)
    ctx.progress(0.5, "asking")
    return "looked"


@task("golden.ledger", chat=CHAT)
async def ledger(ctx: TaskContext, request: Message) -> Reply:
    """Write down an amount."""
    return Reply(answer=f"{request.message} is booked")


@task("golden.fail", chat=CHAT)
async def fail(ctx: TaskContext, request: Message) -> Reply:
    """Begin to answer, call a tool that does not come back, and fail."""
    await _write(ctx, "It ", "begins")
    ctx.emit("tool_called", tool="find_order", call_id="call-1", args={"order": "10003"})
    raise TaskError("broken", "the order cannot be read", category=Category.UNKNOWN, transient=False)


@task("golden.slow", chat=CHAT)
async def slow(ctx: TaskContext, request: Message) -> Reply:
    """Count for twelve seconds."""
    return Reply(answer="".join([await _write(ctx, f"{number} ") for number in range(100)]))
