"""A job that was submitted, with the client at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from backdesk.client.aio.watch import AsyncWatch
from backdesk.client.contracts import read_result
from backdesk.worker.model.job import JobRecord, JobState

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient

Result = TypeVar("Result", default=Any)


@dataclass(frozen=True, slots=True)
class AsyncJob(Generic[Result]):
    """A job that was submitted. `created` is False when it was found by its key or id.

    `forgotten` says that the key found a job that has ended and whose record is kept no more: none was written, and
    there is nothing to read.
    `model` is that of its results, None when it was submitted by the name of its kind.
    """

    id: str
    created: bool
    client: AsyncJobClient
    model: type[Any] | None = None
    forgotten: bool = False

    async def get(self) -> JobRecord:
        """Return the record as it is now."""
        return await self.client.get(self.id)

    async def result(self, timeout: float | None = None) -> Result:
        """Wait, at most `timeout` seconds, for the result: the kind's model, or JSON data without one.

        Raises what `AsyncJobClient.result` raises, and ResultMismatch for a result that the model does not fit.
        """
        return cast("Result", read_result(self.id, self.model, await self.client.result(self.id, timeout)))

    def watch(self, after: int = 0) -> AsyncWatch:
        """Follow the events; see `AsyncJobClient.watch`."""
        return self.client.watch(self.id, after)

    async def cancel(self, reason: str = "cancelled by its owner") -> JobState:
        """End the job; see `AsyncJobClient.cancel`."""
        return await self.client.cancel(self.id, reason)

    async def forget(self) -> None:
        """Forget the job; see `AsyncJobClient.forget`."""
        await self.client.forget(self.id)

    async def pause(self, *, by: str = "", note: str = "") -> JobState:
        """Have the job wait; see `AsyncJobClient.pause`."""
        return await self.client.pause(self.id, by=by, note=note)

    async def resume(self, *, by: str = "", note: str = "") -> bool:
        """Have the job go on; see `AsyncJobClient.resume`."""
        return await self.client.resume(self.id, by=by, note=note)
