"""A job that another job calls, and how it ended. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from backdesk.worker.errors import JobFailed
from backdesk.worker.failure import Failure
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.job import JobState
from backdesk.worker.model.retry import RetryPolicy

Result = TypeVar("Result", default=Any)


@dataclass(frozen=True, slots=True)
class ChildCall:
    """What to ask of another job.

    `key` names the call within its parent; without one it is the kind and a number, which asks a body to make its calls
    in the same order each time. `result` is the model as which the result comes back; without one it is plain JSON.
    Times are in seconds. Priority and metadata are the parent's unless given. What
    the child spends counts against the budget of its parent; it is held to one of its own besides.
    """

    kind: str
    request: Any
    key: str = ""
    priority: int | None = None
    delay: float | timedelta | None = None
    timeout: float | timedelta | None = None
    expires: float | timedelta | None = None
    retry: RetryPolicy | None = None
    metadata: Mapping[str, Any] | None = None
    budget: Budget | Mapping[str, Any] | None = None
    result: type[BaseModel] | None = None


class ChildEnd(BaseModel, Generic[Result]):
    """How a child job ended."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    state: JobState
    result: Result | None = None
    error: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.state is JobState.SUCCEEDED

    def value(self) -> Result:
        """Return the result; raises JobFailed when there is none."""
        if self.ok:
            return self.result  # type: ignore[return-value]  # None is the result then
        raise JobFailed(
            self.job_id, self.state, self.error or Failure(code="unknown", message="no reason was recorded")
        )
