"""What a test sees of a job: its state, its answer, and all that was told on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from pydantic import BaseModel
from pydantic_core import to_json

from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.errors import BackdeskError, JobFailed, JobNotFound
from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Ask, AskType
from backdesk.worker.model.events import EventType, JobEvent
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.log import log_commands, log_entries
from backdesk.worker.store.records import LOG_FIELDS, read_log, read_record
from backdesk.worker.submit.claim_check import redeemed


class BenchError(BackdeskError):
    """A test asks of a job what it does not do; the message says what it does instead, and often what to call."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool by an agent. `outcome` is `success`, or what else became of it; "" while it has not returned.

    Texts among the arguments, and `summary`, are as short as events show them.
    """

    name: str
    args: dict[str, Any]
    outcome: str = ""
    summary: str = ""


class BenchJob:
    """One job on a bench. Everything is read from the store at the moment of asking."""

    def __init__(self, job_id: str, client: Callable[[], redis.Redis], keys: Keys, blobs: BlobAccess) -> None:
        self.id = job_id
        self._blobs = blobs
        self._client = client
        self._keys = keys

    def __repr__(self) -> str:
        return f"<BenchJob {self.id}>"

    @property
    def record(self) -> JobRecord:
        """The job as the store knows it; all that has no name here is in it."""
        client, keys = self._client(), self._keys
        listed = int(client.llen(keys.events(self.id)))  # first: a log that is packed counts by its record
        fields: dict[Any, Any] = client.hgetall(keys.job(self.id))
        spent: dict[Any, Any] = client.hgetall(keys.spent(self.id))
        awaiting: list[Any] = client.hvals(keys.awaiting(self.id))
        record = read_record(self.id, fields, listed, awaiting, spent)
        if record is None:
            raise JobNotFound(self.id)
        return record

    @property
    def kind(self) -> str:
        return self.record.kind

    @property
    def state(self) -> JobState:
        return self.record.state

    @property
    def result(self) -> Any:
        """What the body returned, as an instance of the kind's result model.

        Raises JobFailed when the job ended without, BenchError when it has not ended.
        """
        record = self.record
        if record.state is JobState.SUCCEEDED:
            model: type[BaseModel] = REGISTRY[record.kind].result
            if record.result_blob:
                return model.model_validate_json(redeemed(record.result_blob, self._blobs.store, record.tenant))
            return model.model_validate_json(to_json(record.result))
        if not record.done:
            raise BenchError(f"{self.id} ({record.kind}) has no result yet: it {standing_of(record)}")
        raise JobFailed(record.id, record.state, record.error or Failure(code="unknown", message="no reason given"))

    @property
    def error(self) -> Failure | None:
        """Why it failed, was cancelled or expired; None for any other state."""
        return self.record.error

    @property
    def asks(self) -> list[Ask]:
        """What it waits for, by name; calls of other jobs among it."""
        return self.record.asks

    @property
    def children(self) -> list[BenchJob]:
        """The jobs that it has called, the oldest first; those of one call in no certain order."""
        ids: set[Any] = self._client().smembers(self._keys.children(self.id))
        found = [BenchJob(text(job_id), self._client, self._keys, self._blobs) for job_id in ids]
        return sorted(found, key=lambda job: (job.record.created_at, job.id))

    @property
    def events(self) -> list[JobEvent]:
        """Everything that was told, the oldest first."""
        client, keys = self._client(), self._keys
        listed, packed = (client.execute_command(*each) for each in log_commands(keys, self.id))
        entries = log_entries(listed, packed)
        values: list[Any] = client.hmget(keys.job(self.id), *LOG_FIELDS)
        return read_log(self.id, values, entries) if entries else []

    def of(self, event_type: str) -> list[dict[str, Any]]:
        """The data of all events of one type."""
        return [event.data for event in self.events if event.type == event_type]

    @property
    def text(self) -> str:
        """What was streamed, of all attempts together; "" when nobody watched."""
        return "".join(data["text"] for data in self.of(EventType.TOKEN))

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls of tools, each once, in the order in which they were first made."""
        returned = {data["call_id"]: data for data in self.of(EventType.TOOL_RETURNED)}
        called = {data["call_id"]: data for data in self.of(EventType.TOOL_CALLED)}
        return [_tool_call(data, returned.get(call_id, {})) for call_id, data in called.items()]


def _tool_call(called: dict[str, Any], returned: dict[str, Any]) -> ToolCall:
    return ToolCall(called["tool"], called["args"], returned.get("outcome", ""), returned.get("summary", ""))


def standing_of(record: JobRecord) -> str:
    """Say where a job stands that has not ended, and what takes it on."""
    if record.state is not JobState.WAITING:
        return f"is {record.state}; `bench.go_on(job)` makes its next attempt"
    wanted = "; ".join(f"{ask.type} {ask.name!r} ({ask.prompt})" for ask in record.asks)
    methods = sorted({_METHODS[ask.type] for ask in record.asks})
    return f"waits for {wanted}: {' or '.join(methods)} takes it on"


#: By what a test answers.
_METHODS = {
    AskType.APPROVAL: "`bench.approve(job)`",
    AskType.QUESTION: "`bench.answer(job, ...)`",
    AskType.OUTCOME: "`bench.resolve(job, ...)`",
    AskType.CHILD: "`bench.go_on(job)`",
}
