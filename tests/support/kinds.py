"""Kinds of jobs that do, one each, what a body can do to its worker. Loaded by BACKDESK_TASK_MODULES."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backdesk.platform.contract import Attachment
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.child import ChildCall


class Text(BaseModel):
    """A request and a result."""

    model_config = ConfigDict(extra="forbid")

    text: str = "hello"


class Message(Text):
    """Something said in a conversation."""

    conversation_id: str | None = None


class Said(BaseModel):
    """What is said to a kind that talks."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(min_length=1, max_length=200)
    customer_id: str | None = None
    conversation_id: str | None = None
    confirms: str | None = None
    declines: str | None = None
    attachments: list[Attachment] = []


class Replied(BaseModel):
    """What a kind that talks answers."""

    answer: str
    agent: str = "talker"
    model: str = "none"
    conversation_id: str
    proposal: dict[str, str] | None = None


class Number(BaseModel):
    """How many, or how long."""

    n: float = 0
    flag: str = ""


class Confidence(BaseModel):
    """Something that nobody else is to read."""

    model_config = ConfigDict(extra="forbid")

    text: str
    customer_id: str | None = None
    fails: bool = False


class Anything(BaseModel):
    """A result that promises nothing."""

    value: Any = None


class Told(Exception):
    """An accident with a message."""


class Unspeakable(Exception):
    """An accident that cannot even be described."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


#: The ways in which a body can end badly; the name is what a request asks for.
ENDINGS: dict[str, BaseException] = {
    "task_error": TaskError("no_stock", "there is none left"),
    "exception": Told("it broke"),
    "system_exit": SystemExit(3),
    "keyboard_interrupt": KeyboardInterrupt(),
    "generator_exit": GeneratorExit(),
    "cancelled": asyncio.CancelledError(),
    "unspeakable": Unspeakable(),
    "surrogate": Told("file \udcff is missing"),
    "number_as_code": TaskError(404, "not found"),  # type: ignore[arg-type]  # what a body written without types does
}


@task("test.echo")
async def echo(ctx: TaskContext, request: Text) -> Text:
    """Give back what was asked.

    This paragraph is not announced.
    """
    return request


@task("test.chat")
async def chat(ctx: TaskContext, request: Message) -> Message:
    return request


@task("test.talk", chat=Chat(input="message", conversation="conversation_id", output="answer"))
async def talk(ctx: TaskContext, request: Said) -> Replied:
    """Answer as agents do: ask for approval of "May I …?", propose what begins with "I want", else repeat the words."""
    answer, proposal = f"You said {request.message!r} for {request.customer_id}.", None
    if request.message.startswith("May I"):
        said = await ctx.approval("may", request.message, order=10003)
        answer = "You may." if said.approved else "You may not."
    if request.message.startswith("I want"):
        proposal = {"number": "P-7", "statement": request.message}
    if decided := request.confirms or request.declines:
        answer = f"{decided} is {'confirmed' if request.confirms else 'declined'}."
    for file in request.attachments:
        data = await ctx.attached(file.id) if file.id else b""
        answer += f" It comes with {file.name or file.url}, {len(data or b'')} bytes."
    ctx.token(answer)
    return Replied(answer=answer, conversation_id=request.conversation_id or ctx.job_id, proposal=proposal)


@task("test.echo_def")
def echo_def(ctx: BlockingContext, request: Text) -> Text:
    return request


@task("test.tool", queue="tools")
def tool(ctx: BlockingContext, request: Text) -> Text:
    return request


@task("test.tool_async", queue="tools")
async def tool_async(ctx: TaskContext, request: Text) -> Text:
    await asyncio.sleep(0)
    return request


@task("test.end")
async def end(ctx: TaskContext, request: Text) -> Text:
    raise ENDINGS[request.text]


@task("test.end_def")
def end_def(ctx: BlockingContext, request: Text) -> Text:
    raise ENDINGS[request.text]


@task("test.end_tool", queue="tools")
def end_tool(ctx: BlockingContext, request: Text) -> Text:
    raise ENDINGS[request.text]


@task("test.cancel_and_return")
async def cancel_and_return(ctx: TaskContext, request: Text) -> Text:
    """Ask for its own cancellation, and return before it comes."""
    task_at_hand = asyncio.current_task()
    assert task_at_hand is not None
    task_at_hand.cancel()
    return request


@task("test.child_exit")
async def child_exit(ctx: TaskContext, request: Text) -> Text:
    """Exit from a task that the body has started."""

    async def leave() -> None:
        sys.exit(0)

    await asyncio.create_task(leave())
    return request


@task("test.exit_thread")
def exit_thread(ctx: BlockingContext, request: Text) -> Text:
    sys.exit(0)


@task("test.wrong_result")
async def wrong_result(ctx: TaskContext, request: Text) -> Text:
    return {"text": "a dict"}  # type: ignore[return-value]  # the mistake under test


@task("test.unencodable_result")
async def unencodable_result(ctx: TaskContext, request: Text) -> Anything:
    return Anything(value=threading.Lock())


@task("test.surrogate_result")
async def surrogate_result(ctx: TaskContext, request: Text) -> Anything:
    return Anything(value="\udcff")


@task("test.huge_result")
async def huge_result(ctx: TaskContext, request: Number) -> Text:
    return Text(text="x" * int(request.n))


@task("test.sleep")
async def sleep(ctx: TaskContext, request: Number) -> Number:
    await asyncio.sleep(request.n)
    return request


@task("test.sleep_def")
def sleep_def(ctx: BlockingContext, request: Number) -> Number:
    time.sleep(request.n)
    return request


@task("test.sleep_tool", queue="tools")
def sleep_tool(ctx: BlockingContext, request: Number) -> Number:
    time.sleep(request.n)
    return request


@task("test.steps")
async def steps(ctx: TaskContext, request: Number) -> Number:
    """Emit `n` numbered events, as fast as it can."""
    for number in range(int(request.n)):
        ctx.progress((number + 1) / request.n, f"step {number + 1}", number=number)
    return request


@task("test.steps_def", queue="tools")
def steps_def(ctx: BlockingContext, request: Number) -> Number:
    for number in range(int(request.n)):
        ctx.progress((number + 1) / request.n, f"step {number + 1}", number=number)
    return request


@task("test.ticking")
async def ticking(ctx: TaskContext, request: Number) -> Number:
    """Emit an event every 20 ms, `n` times."""
    for number in range(int(request.n)):
        ctx.progress(message=f"tick {number}", number=number)
        await asyncio.sleep(0.02)
    return request


@task("test.tokens")
async def tokens(ctx: TaskContext, request: Text) -> Text:
    for piece in request.text.split(" "):
        ctx.token(piece + " ")
        await asyncio.sleep(0.005)
    return request


@task("test.count")
async def count(ctx: TaskContext, request: Number) -> Number:
    """Use the model, on paper."""
    ctx.usage.requests += 2
    ctx.usage.input_tokens += 30
    return request


@task("test.context")
async def context(ctx: TaskContext, request: Text) -> Anything:
    """Tell what a body sees."""
    deadline = ctx.deadline.isoformat() if ctx.deadline else None
    return Anything(value=[ctx.job_id, ctx.kind, ctx.tenant, ctx.attempt, ctx.metadata, deadline])


@task("test.block_loop")
async def block_loop(ctx: TaskContext, request: Number) -> Number:
    """Hold up the event loop for `n` seconds in its first attempt, then wait to be cancelled."""
    if ctx.attempt == 1:
        time.sleep(request.n)  # noqa: ASYNC251 - the mistake under test
        _leave_word(request.flag, "woke")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            _leave_word(request.flag, "cancelled")
            raise
    return request


@task("test.spin_loop")
async def spin_loop(ctx: TaskContext, request: Number) -> Number:
    """Hold up the event loop for `n` seconds, in Python, whatever is raised meanwhile that a body may catch."""
    end = time.monotonic() + request.n
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            sum(range(1000))
    return request


@task("test.forget_sockets")
def forget_sockets(ctx: BlockingContext, request: Text) -> Text:
    """Have Celery's transport forget which sockets it reads: its connections stay, its loop turns, nothing comes."""
    from kombu.asynchronous import get_event_loop  # only this kind needs Celery's insides

    for callback, _ in get_event_loop().readers.values():
        if hasattr(callback, "__self__"):
            callback.__self__.cycle._fd_to_chan.clear()
    return request


@task("test.long_watch")
async def long_watch(ctx: TaskContext, request: Number) -> Number:
    """Wait, in the first attempt, until it is cancelled, and leave word of it in the file `flag`."""
    if ctx.attempt == 1:
        try:
            await asyncio.sleep(request.n)
        except asyncio.CancelledError:
            _leave_word(request.flag, "cancelled")
            raise
    return request


@task("test.wait_for_file")
async def wait_for_file(ctx: TaskContext, request: Number) -> Number:
    """Run until the file `flag` exists."""
    while not os.path.exists(request.flag):  # noqa: ASYNC240, PTH110 - a test's signal
        ctx.progress(message=f"attempt {ctx.attempt}")
        await asyncio.sleep(0.02)
    return request


@task("test.wait_for_file_tool", queue="tools")
def wait_for_file_tool(ctx: BlockingContext, request: Number) -> Number:
    while not os.path.exists(request.flag):  # noqa: PTH110 - a test's signal
        ctx.progress(message=f"attempt {ctx.attempt}")
        time.sleep(0.02)
    return request


@task("test.busy_once")
async def busy_once(ctx: TaskContext, request: Number) -> Number:
    """Fail the first attempt with a passing error, to be tried again after `n` seconds."""
    if ctx.attempt == 1:
        raise TaskError("busy", "come again", category=Category.RATE_LIMIT, transient=True, retry_after_s=request.n)
    return request


@task("test.slow_steps")
async def slow_steps(ctx: TaskContext, request: Number) -> Number:
    """Take `n` steps, which take a while in the first attempt; each leaves its number in the file `flag`."""

    async def step(number: int) -> None:
        await asyncio.sleep(0.3 if ctx.attempt == 1 else 0)
        _leave_word(request.flag, str(number))

    for number in range(int(request.n)):
        await ctx.step(f"step-{number}", step, number)
    return Number(n=request.n)


@task("test.kill_worker")
async def kill_worker(ctx: TaskContext, request: Number) -> Number:
    """Kill its own process in the first `n` attempts."""
    if ctx.attempt <= request.n:
        os.kill(os.getpid(), signal.SIGKILL)
    return request


@task("test.kill_child", queue="tools")
def kill_child(ctx: BlockingContext, request: Number) -> Number:
    if ctx.attempt <= request.n:
        os.kill(os.getpid(), signal.SIGKILL)
    return request


def _leave_word(path: str, word: str) -> None:
    if path:
        with open(path, "a") as file:  # noqa: PTH123 - a test's signal
            file.write(word + "\n")


@task("test.step_by_step")
async def step_by_step(ctx: TaskContext, request: Number) -> Number:
    """Make one step after the other, each under its attempt's number, until the file `flag` exists."""
    number = 0
    while not os.path.exists(request.flag):  # noqa: ASYNC240, PTH110 - a test's signal
        number += 1
        await ctx.step(f"{ctx.attempt}-{number}", asyncio.sleep, 0.02)
    return request


@task("test.confide")
async def confide(ctx: TaskContext, request: Confidence) -> Number:
    """Remember all of what it is told, tell of it, and give its length."""
    await ctx.step("read", _heard, request.text)
    await ctx.checkpoint(request.text)
    ctx.progress(message=f"read: {request.text}")
    if request.fails:
        raise TaskError("broken", "it broke")
    return Number(n=len(request.text))


def _heard(text: str) -> str:
    return text


@task("test.stubborn_tool", queue="tools")
def stubborn_tool(ctx: BlockingContext, request: Number) -> Number:
    """Do not stop when asked to, in the first attempt."""
    ends_at = time.monotonic() + (request.n if ctx.attempt == 1 else 0)
    while time.monotonic() < ends_at:
        try:
            time.sleep(0.05)
        except asyncio.CancelledError:
            ctx.progress(message="ignored")
    return request


@task("test.generations")
async def generations(ctx: TaskContext, request: Number) -> Number:
    """Count `n` generations of descendants, three in each family, one of them a tool."""
    if request.n == 0:
        return Number(n=1)
    below = Number(n=request.n - 1)
    calls = [ChildCall("test.generations", below, key=name) for name in ("one", "two")]
    *families, tool = await ctx.call_all([*calls, ChildCall("test.tool", Text())])
    return Number(n=sum(end.value()["n"] for end in families) + (1 if tool.ok else 0))
