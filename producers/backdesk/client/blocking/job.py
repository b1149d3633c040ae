"""A job that was submitted, with the client at hand."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from backdesk.client.blocking.watch import Watch
from backdesk.client.contracts import read_result
from backdesk.worker.model.job import JobRecord, JobState

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient

Result = TypeVar("Result", default=Any)


@dataclass(frozen=True, slots=True)
class Job(Generic[Result]):
    """A job that was submitted. `created` is False when it was found by its key or id.

    `forgotten` says that the key found a job that has ended and whose record is kept no more: none was written, and
    there is nothing to read.
    `model` is that of its results, None when it was submitted by the name of its kind.
    """

    id: str
    created: bool
    client: JobClient
    model: type[Any] | None = None
    forgotten: bool = False

    def get(self) -> JobRecord:
        """Return the record as it is now."""
        return self.client.get(self.id)

    def result(self, timeout: float | None = None) -> Result:
        """Wait, at most `timeout` seconds, for the result: the kind's model, or JSON data without one.

        Raises what `JobClient.result` raises, and ResultMismatch for a result that the model does not fit.
        """
        return cast("Result", read_result(self.id, self.model, self.client.result(self.id, timeout)))

    def watch(self, after: int = 0) -> Watch:
        """Follow the events; see `JobClient.watch`."""
        return self.client.watch(self.id, after)

    def cancel(self, reason: str = "cancelled by its owner") -> JobState:
        """End the job; see `JobClient.cancel`."""
        return self.client.cancel(self.id, reason)

    def forget(self) -> None:
        """Forget the job; see `JobClient.forget`."""
        self.client.forget(self.id)

    def pause(self, *, by: str = "", note: str = "") -> JobState:
        """Have the job wait; see `JobClient.pause`."""
        return self.client.pause(self.id, by=by, note=note)

    def resume(self, *, by: str = "", note: str = "") -> bool:
        """Have the job go on; see `JobClient.resume`."""
        return self.client.resume(self.id, by=by, note=note)
