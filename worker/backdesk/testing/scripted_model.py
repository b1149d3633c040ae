"""A model that says what a test has written for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from backdesk.agents.provider import stand_in
from backdesk.agents.runtime import scripted_model
from backdesk.agents.situation import Act, Call, Fail, Reply, Say, Situation
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

__all__ = ["Call", "Fail", "Say", "ScriptExhausted", "ScriptedModel", "scripted"]

#: What a scripted model says next; several calls, in a tuple, are made at the same time.
Line = Say | Call | tuple[Call, ...] | Fail


class ScriptExhausted(TaskError):
    """A scripted model was asked once more than its script has lines."""

    def __init__(self, message: str) -> None:
        # Of this category no fallback answers in its place: the test is to see it.
        super().__init__("script_exhausted", message, category=Category.VALIDATION)


class ScriptedModel:
    """The model of a test. Its lines are said in their order, whichever agent asks; then the rule decides, if any."""

    def __init__(self, lines: tuple[Line, ...], rule: Act | None) -> None:
        self._lines = [_reply(line) for line in lines]
        self._rule = rule
        self._lock = threading.Lock()
        #: What it was asked, the oldest first: what was said, the tools, the instructions.
        self.requests: list[Situation] = []
        #: Why it had nothing to say, if that has happened.
        self.exhausted: ScriptExhausted | None = None

    @property
    def unused(self) -> list[Reply | Fail]:
        """The lines that were not asked for."""
        return self._lines[len(self.requests) :]

    def __call__(self, now: Situation) -> Reply | Fail:
        """Return what it says to a request."""
        with self._lock:
            self.requests.append(now)
            number = len(self.requests)
        if number <= len(self._lines):
            return self._lines[number - 1]
        if self._rule is not None:
            return self._rule(now)
        self.exhausted = ScriptExhausted(_exhaustion(number, len(self._lines), now))
        raise self.exhausted


@contextmanager
def scripted(
    *lines: Line, rule: Act | None = None, name: str = "scripted", cost_usd: float | None = 0.0
) -> Iterator[ScriptedModel]:
    """Have a script answer within the block, in place of every model of this process, streamed or not.

    `rule` decides by the situation, when the lines are used up or from the first request. The job of a request beyond
    both fails as `script_exhausted`, and the block raises that in its end. `cost_usd` is what an answer is said to
    cost, None when that is not known. Raises TypeError for a line that is none.
    """
    model = ScriptedModel(lines, rule)
    handle = replace(
        scripted_model(name, model, 0.0), offline=False, resource="scripted/model", price=lambda _: cost_usd
    )
    with stand_in(handle):
        yield model
    if model.exhausted is not None:
        raise model.exhausted


def _reply(line: Line) -> Reply | Fail:
    if isinstance(line, Call):
        return (line,)
    calls = isinstance(line, tuple) and line and all(isinstance(each, Call) for each in line)
    if not calls and not isinstance(line, Say | Fail):
        raise TypeError(f"a script has lines of Say, Call, Fail, and tuples of Calls, but not {line!r}")
    return line


def _exhaustion(number: int, lines: int, now: Situation) -> str:
    last = now.messages[-1] if now.messages else None
    said = f"; the last before it was {last.role} {last.tool or last.text!r}" if last else ""
    corrected = f"; its last answer was refused: {now.corrections[-1]}" if now.corrections else ""
    tools = ", ".join(sorted({*now.tools, *now.outputs})) or "nothing"
    return f"request {number} to the model is beyond its script of {lines}{said}{corrected}; it may call {tools}"
