"""One request to a model, as those who watch the job are told of it: that it begins, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from backdesk.agents.metering import RequestUsage
from backdesk.worker.errors import TaskError
from backdesk.worker.model.events import EventType

Outcome = Literal["success", "failed", "timed_out", "cancelled"]
#: Tells an event: its type and its data.
Emit = Callable[[str, dict[str, Any]], None]
#: Makes the JSON of a request.
Body = Callable[[], Mapping[str, Any]]


class ModelCall:
    """What is known of one request; `clock` tells seconds, and `keeps` is given what makes the JSON that is sent."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        cached: bool = False,
        keeps: Callable[[Body], None] = lambda _body: None,
    ) -> None:
        self._clock = clock
        self._keeps = keeps
        self._began = clock()
        self._first_token_s: float | None = None
        self._outcome: Outcome = "success"
        self._code: str | None = None
        self._used: RequestUsage | None = None
        self._cost_usd: float | None = None
        self._cached = cached

    def sent(self, body: Body) -> None:
        """Keep the request as it is sent. Never raises."""
        self._keeps(body)

    def first_token(self) -> None:
        """Note that the first of a streamed answer is here; further ones change nothing."""
        if self._first_token_s is None:
            self._first_token_s = self._clock() - self._began

    def answered(self, used: RequestUsage, cost_usd: float | None) -> None:
        """Note what the answer has taken, and what it costs in US dollars, None where that is not known."""
        self._used, self._cost_usd = used, cost_usd

    def ended_by(self, error: BaseException) -> None:
        """Note that there is no answer, and why."""
        self._code = error.code if isinstance(error, TaskError) else None
        if isinstance(error, asyncio.CancelledError):
            self._outcome = "cancelled"
        else:
            self._outcome = "timed_out" if self._code == "model_timeout" else "failed"

    def facts(self) -> dict[str, Any]:
        """Return what came of it, as of now; what is not known is None."""
        return {
            "outcome": self._outcome,
            "code": self._code,
            "input_tokens": self._used.input_tokens if self._used else None,
            "output_tokens": self._used.output_tokens if self._used else None,
            "cost_usd": self._cost_usd,
            "seconds": round(self._clock() - self._began, 3),
            "first_token_s": None if self._first_token_s is None else round(self._first_token_s, 3),
            "cached": self._cached,
        }


@contextmanager
def told(call: ModelCall, facts: dict[str, Any], emit: Emit) -> Iterator[ModelCall]:
    """Enclose one request: tell that it begins, with facts of which one is its `call_id`, and however it ends."""
    emit(EventType.MODEL_CALLED, facts)
    try:
        yield call
    except BaseException as error:
        call.ended_by(error)
        raise
    finally:
        emit(EventType.MODEL_RETURNED, {"call_id": facts["call_id"], **call.facts()})
