"""Contexts that record: a body is called with one, and what it told is looked at afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.worker.attempt.base_context import ProgressSink
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.job import Claim
from tests.support.contexts import task_context

R = TypeVar("R", bound=AgentResult)


class Recording:
    """A sink that keeps what it is told. `watched` may be a function that is asked each time."""

    def __init__(self, watched: bool | Callable[[], bool] = False) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str] = []
        self.entries: list[bytes] = []
        self.texts: dict[str, str] = {}
        self._watched = watched

    @property
    def watched(self) -> bool:
        return self._watched if isinstance(self._watched, bool) else self._watched()

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        self.events.append((event_type, data))

    def token(self, text: str) -> None:
        self.tokens.append(text)

    def sent(self, entry: bytes, texts: Mapping[str, str]) -> None:
        self.entries.append(entry)
        self.texts |= texts

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == event_type]


def claim_of(
    job_id: str = "job-1", *, tenant: str = "default", kind: str = "support.request", attempt: int = 1
) -> Claim:
    return Claim(job_id, kind, tenant, "agents", attempt, "fence", b"", {}, None, 0)


def context_of(sink: ProgressSink, job_id: str = "job-1", *, tenant: str = "default") -> TaskContext:
    """Make the context that the engine makes for an attempt."""
    return task_context(claim_of(job_id, tenant=tenant), sink)


async def converse(
    body: Callable[[TaskContext, Any], Awaitable[R]],
    request: AgentRequest,
    job_id: str = "job-1",
    *,
    sink: ProgressSink | None = None,
    tenant: str = "default",
) -> R:
    """Run the body of a kind on one message."""
    return await body(context_of(sink or Recording(), job_id, tenant=tenant), request)
