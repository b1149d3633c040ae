"""What stands between an agent and its model: gates that every request passes, and how large a request will be.

A gate encloses the whole request, its stream included. It may keep a request waiting, refuse it by an error, and is
told in the end what was used. The first gate is asked first; whatever refuses, those before it are left again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from backdesk.worker.attempt.context import TaskContext

#: Until a model has answered: four characters a token, and an answer of this many tokens.
TOKENS_A_CHAR = 0.25
FIRST_ANSWER_TOKENS = 300.0
#: How much each answer counts for the estimate of the next.
WEIGHT = 0.1
#: What is reserved beyond the average answer.
ALLOWANCE = 1.2


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request that is about to be made: which model, which key (its fingerprint), and how large (estimated)."""

    resource: str
    key: str
    model: str
    input_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> int:
        """What to reserve for it."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class RequestUsage:
    """What a request has really used."""

    input_tokens: int
    output_tokens: int
    #: The part of the input that the provider had seen before, and usually charges less for.
    cached_input_tokens: int = 0

    @property
    def tokens(self) -> int:
        """What counts for a limit of tokens."""
        return self.input_tokens + self.output_tokens


#: Told once, when a request has been answered.
Tell = Callable[[RequestUsage], None]


class Gate(Protocol):
    """Something that each request must pass."""

    def __call__(self, request: ModelRequest) -> AbstractAsyncContextManager[Tell]:
        """Enclose one request; what it is given tells how much was used."""


class FleetLimits:
    """The gate to what all workers together may ask of a model, and to its circuit breaker."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context

    @asynccontextmanager
    async def __call__(self, request: ModelRequest) -> AsyncIterator[Tell]:
        """Wait for a place. Raises Limited when there is none soon, TaskError when there never is one."""
        async with self._context.reserve(request.resource, key=request.key, tokens=request.tokens) as call:
            yield lambda used: call.used(used.tokens)


class Estimates:
    """How large the requests to one model are, learned from those before. One a process and model."""

    def __init__(self) -> None:
        self._tokens_a_char = TOKENS_A_CHAR
        self._answer_tokens = FIRST_ANSWER_TOKENS

    def of(self, chars: int, max_tokens: int | None) -> tuple[int, int]:
        """Return the tokens that a request of so many characters will take, and its answer."""
        answer = round(self._answer_tokens * ALLOWANCE)
        return self.input_tokens(chars), answer if max_tokens is None else min(answer, max_tokens)

    def input_tokens(self, chars: int) -> int:
        """Return the tokens that so many characters of a request will take."""
        return round(chars * self._tokens_a_char)

    def learn(self, chars: int, used: RequestUsage) -> None:
        """Note what a request has taken; one whose provider tells nothing teaches nothing."""
        if used.input_tokens and chars:
            self._tokens_a_char += WEIGHT * (used.input_tokens / chars - self._tokens_a_char)
        if used.output_tokens:
            self._answer_tokens += WEIGHT * (used.output_tokens - self._answer_tokens)
