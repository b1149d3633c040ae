"""A job that another job calls, and how it ended. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from backdesk.worker.errors import JobFailed
from backdesk.worker.failure import Failure
from backdesk.worker.model.job import JobState
from backdesk.worker.model.options import CallKeywords, CallOptions

Result = TypeVar("Result", default=Any)


@dataclass(frozen=True, slots=True)
class ChildCall(CallOptions):
    """What to ask of another job; its options are those of `CallOptions`.

    `key` names the call within its parent; without one it is the kind and a number, which asks a body to make its calls
    in the same order each time. `result` is the model as which the result comes back; without one it is plain JSON.
    Priority, metadata and `expires` are the parent's unless given. What the child spends counts against the budget of
    its parent; it is held to one of its own besides.
    """

    kind: str
    request: Any
    key: str = ""
    result: type[BaseModel] | None = None


class ChildKeywords(CallKeywords, total=False):
    """What a `ChildCall` takes besides its kind and its request, as keyword arguments."""

    key: str


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
