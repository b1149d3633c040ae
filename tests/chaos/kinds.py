"""The kinds of the drill: one script played by three bodies. Loaded by BACKDESK_TASK_MODULES.

The script is played by a generator, so that one text serves the coroutine on the loop and the function in a thread or
a child process; `Hands` are how each of them waits and writes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.asks import Answer
from backdesk.worker.model.child import ChildCall
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.pipeline import Pipeline, Run, drive, drive_async
from tests.chaos.orders import HEAVY, HEAVY_SLOTS
from tests.chaos.script import Done, Move, Script, silent
from tests.chaos.witness import Witness

WITNESS = "CHAOS_WITNESS"
PATIENT = RetryPolicy(attempts=20, base_s=0.2, cap_s=0.5)
#: Longer than any time-out that an order sets.
HANG_S = 30.0
#: After this long the rule answers what nobody does.
SILENCE_S = 1.5

witness = Witness(os.environ.get(WITNESS, ""))


class Hands(Protocol):
    """How a body waits and writes."""

    def sleep(self, seconds: float) -> Any: ...
    def write(self, call: Callable[..., Any], *args: Any) -> Any: ...
    def play(self, pipeline: Pipeline[Any]) -> Any: ...
    def together(self, calls: Sequence[Callable[[], Any]]) -> Any: ...


class Blocking:
    """In a thread or process of its own."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def write(self, call: Callable[..., Any], *args: Any) -> Any:
        return call(*args)

    def play(self, pipeline: Pipeline[Any]) -> Any:
        return drive(pipeline)

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return [call() for call in calls]


class OnLoop:
    """On the event loop, which the database must not hold up."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def write(self, call: Callable[..., Any], *args: Any) -> Any:
        """A write that has begun is waited for, whatever happens: a body that has ended writes nothing more."""
        writing = asyncio.ensure_future(asyncio.to_thread(call, *args))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            while not writing.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([writing])
            raise

    async def play(self, pipeline: Pipeline[Any]) -> Any:
        return await drive_async(pipeline)

    async def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return await asyncio.gather(*(call() for call in calls))


class Player:
    """One attempt at a script."""

    def __init__(self, hands: Hands, context: Any) -> None:
        self._hands = hands
        self._context = context
        self._total = 0
        self._heard: list[str] = []
        self._body = 0

    def play(self, moves: Sequence[Move]) -> Pipeline[Done]:
        """Make the moves, and write down when that began and ended."""
        attempt = self._context.attempt
        self._body = row = yield self._write(witness.begin_attempt, self._context.job_id, attempt)
        try:
            for number, move in enumerate(moves):
                self._context.progress((number + 1) / len(moves), f"move {move.key}", attempt=attempt, body=row)
                yield from getattr(self, f"_{move.do}")(move)
            yield self._write(witness.finish, self._context.job_id, attempt)
        finally:
            yield self._write(witness.end_attempt, row)
        return Done(total=self._total, heard=self._heard, attempt=attempt, body=row)

    def _step(self, move: Move) -> Pipeline[None]:
        self._total += (yield Run(self._call_of(move)))["value"]

    def _together(self, move: Move) -> Pipeline[None]:
        for kept in (yield Run(partial(self._hands.together, [self._call_of(step) for step in move.moves]))):
            self._total += kept["value"]

    def _call_of(self, move: Move) -> Callable[[], Any]:
        call = partial(self._perform, move)
        return partial(self._context.step, move.key, call, effect=move.effect, returns=dict[str, int])

    def _perform(self, move: Move) -> Any:
        return self._hands.play(self._run(move))

    def _run(self, move: Move) -> Pipeline[dict[str, int]]:
        """What a step does. Its value says which execution, of which attempt, it comes from."""
        job, attempt = self._context.job_id, self._context.attempt
        row = yield self._write(witness.begin_run, job, move.key, move.effect, attempt)
        yield Run(partial(self._hands.sleep, move.seconds / 2))
        self._context.emit("chaos.half_way", step=move.key, attempt=attempt, body=self._body)
        mishap = move.mishap if move.mishap and (yield self._write(witness.hiccup, job, move.key, 1)) else ""
        if mishap == "refused":
            raise TaskError("refused", "the other side took nothing", transient=True, category=Category.NETWORK)
        if mishap == "before":
            raise RuntimeError("broke before the effect")
        if move.effect == "idempotent":
            yield self._write(witness.enter, self._context.idempotency_key(move.key), move.value)
        elif move.effect == "unsafe":
            yield self._write(witness.charge, job, move.key, attempt)
        if mishap == "after":
            raise RuntimeError("broke after the effect")
        yield Run(partial(self._hands.sleep, move.seconds / 2))
        yield self._write(witness.end_run, row)
        self._context.emit("chaos.over", step=move.key, attempt=attempt, body=self._body)
        return {"value": move.value, "attempt": attempt, "run": row, "body": self._body}

    def _approve(self, move: Move) -> Pipeline[None]:
        within = SILENCE_S if silent(move.key) else None
        answer: Answer = yield Run(partial(self._context.approval, move.key, "May I?", within=within))
        self._heard.append(answer.decision)

    def _ask(self, move: Move) -> Pipeline[None]:
        answer: Answer = yield Run(partial(self._context.ask, move.key, "What now?"))
        self._heard.append(answer.value)

    def _call(self, move: Move) -> Pipeline[None]:
        calls = [
            ChildCall(move.kind, Script(moves=child), f"{move.key}.{number}", retry=PATIENT)
            for number, child in enumerate(move.children)
        ]
        for end in (yield Run(partial(self._context.call_all, calls))):
            done = Done.model_validate(end.value())
            self._total += done.total
            self._heard += done.heard

    def _fail(self, move: Move) -> Pipeline[None]:
        if (yield self._write(witness.hiccup, self._context.job_id, move.key, move.times)):
            raise TaskError("flaky", "not this time", transient=True, category=Category.NETWORK)

    def _hang(self, move: Move) -> Pipeline[None]:
        if (yield self._write(witness.hiccup, self._context.job_id, move.key, move.times)):
            yield Run(partial(self._hands.sleep, HANG_S))

    def _doom(self, _move: Move) -> Pipeline[None]:
        yield Run(partial(self._hands.sleep, 0))
        raise TaskError("doomed", "as it was ordered")

    def _checkpoint(self, move: Move) -> Pipeline[None]:
        yield Run(partial(self._context.checkpoint, move.key))

    def _write(self, call: Callable[..., Any], *args: Any) -> Run:
        return Run(partial(self._hands.write, call, *args))


@task("chaos.agent", retry=PATIENT)
async def agent(ctx: TaskContext, request: Script) -> Done:
    """Play a script on the event loop."""
    done: Done = await drive_async(Player(OnLoop(), ctx).play(request.moves))
    return done


@task(HEAVY, slots=HEAVY_SLOTS, retry=PATIENT)
async def heavy(ctx: TaskContext, request: Script) -> Done:
    """Play a script on the event loop, in several slots."""
    done: Done = await drive_async(Player(OnLoop(), ctx).play(request.moves))
    return done


@task("chaos.blocking", retry=PATIENT)
def blocking(ctx: BlockingContext, request: Script) -> Done:
    """Play a script in a thread."""
    return drive(Player(Blocking(), ctx).play(request.moves))


@task("chaos.tool", queue="tools", retry=PATIENT)
def tool(ctx: BlockingContext, request: Script) -> Done:
    """Play a script in a process."""
    return drive(Player(Blocking(), ctx).play(request.moves))
