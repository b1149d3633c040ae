"""The extension of tasks: calls that go on after they were answered.

https://modelcontextprotocol.io/extensions/tasks/overview (SEP-2663). A task is a job, and its id that of the job: each
request for it is by a key, and to those who may not know of the job there is no such task.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    MissingRequiredClientCapabilityErrorData,
    RequestParams,
)

from backdesk.client import AsyncJob
from backdesk.gateway.access.caller import Scope
from backdesk.gateway.dialects.asks import open_asks
from backdesk.gateway.dialects.mcp.answers import requests_of, take_answers
from backdesk.gateway.dialects.mcp.elicitation import message_of
from backdesk.gateway.dialects.mcp.following import result_of
from backdesk.gateway.dialects.mcp.request import TASKS, Call
from backdesk.gateway.dialects.mcp.results import ended
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import JobNotFound, NotCancellable
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobState

#: How often a client is to ask about a young job, and about one that has been there for so long. Milliseconds, seconds.
POLL_MS, POLL_OLD_MS, OLD_S = 1000, 5000, 60.0
#: Among the newest events of a job, the words about its progress are looked for.
NEWEST = 50


class TaskParams(RequestParams):
    """What `tasks/get` and `tasks/cancel` take."""

    task_id: str


class UpdateParams(TaskParams):
    """What `tasks/update` takes: the answers, by the keys of what was asked."""

    input_responses: dict[str, Any]


def created(job_id: str, now: datetime) -> dict[str, Any]:
    """Return the answer of a call that has become a task."""
    return {"resultType": "task", **_facts(job_id, "working", now, now, POLL_MS)}


class Tasks:
    """The methods of the extension. They raise MCPError."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def start(self, job: AsyncJob[Any]) -> dict[str, Any]:
        """Return the task of a job that was just written."""
        return created(job.id, datetime.now(UTC))

    async def get(self, call: Call, params: TaskParams) -> dict[str, Any]:
        """Return how a task stands, with what it has come to or what it asks."""
        record = await self._record(call, params.task_id)
        events, _ = await self._exchange.events(call.caller, record.id, max(0, record.events - NEWEST))
        updated = events[-1].at if events else record.created_at
        now = datetime.now(UTC)
        poll_ms = POLL_MS if (now - record.created_at).total_seconds() < OLD_S else POLL_OLD_MS
        requests = requests_of(call, record)
        facts = _facts(record.id, status(record, requests), record.created_at, updated, poll_ms)
        return {"resultType": "complete", **facts, **await self._more(record, requests, events)}

    async def update(self, call: Call, params: UpdateParams) -> dict[str, Any]:
        """Take answers. What nobody asks, or no longer, is passed over, as the protocol has it."""
        record = await self._record(call, params.task_id)
        await take_answers(self._exchange, call, record, params.input_responses)
        return {"resultType": "complete"}

    async def cancel(self, call: Call, params: TaskParams) -> dict[str, Any]:
        """Ask a task to end; one that has ended stays as it is."""
        record = await self._record(call, params.task_id)
        with suppress(NotCancellable):
            await self._exchange.cancel(call.caller, record.id)
            call.note(Scope.SUBMIT, job_id=record.id, cancel="yes")
        return {"resultType": "complete"}

    async def _record(self, call: Call, task_id: str) -> JobRecord:
        _demand_extension(call)
        try:
            return await self._exchange.record(call.caller, task_id)
        except JobNotFound:
            raise MCPError(INVALID_PARAMS, "Unknown task") from None

    async def _more(self, record: JobRecord, requests: dict[str, Any], events: Iterable[JobEvent]) -> dict[str, Any]:
        if record.done:
            if record.state is JobState.CANCELLED:
                return {}
            result = ended(record, await result_of(self._exchange, record))
            return {"result": result.model_dump(by_alias=True, mode="json", exclude_none=True)}
        message = status_message(record, events)
        return {**({"statusMessage": message} if message else {}), **({"inputRequests": requests} if requests else {})}


def status(record: JobRecord, requests: dict[str, Any]) -> str:
    """Return the state of a task. A job that failed is a call that is complete, with an error as its result."""
    if record.done:
        return "cancelled" if record.state is JobState.CANCELLED else "completed"
    return "input_required" if requests else "working"


def status_message(record: JobRecord, events: Iterable[JobEvent]) -> str | None:
    """Return in words how a job stands: whom it waits for, or the newest it has told of its progress."""
    if asks := open_asks(record):
        return f"Waits for a person: {message_of(asks[0])}"
    told = [str(each.data["message"]) for each in events if each.type == "progress" and each.data.get("message")]
    return told[-1] if told else None


def _facts(job_id: str, state: str, created_at: datetime, updated_at: datetime, poll_ms: int) -> dict[str, Any]:
    return {
        "taskId": job_id,
        "status": state,
        "createdAt": created_at.isoformat(),
        "lastUpdatedAt": updated_at.isoformat(),
        "ttlMs": None,
        "pollIntervalMs": poll_ms,
    }


def _demand_extension(call: Call) -> None:
    if not call.is_modern:
        raise MCPError(METHOD_NOT_FOUND, "Method not found", call.context.method)
    if not call.knows_tasks:
        needed = MissingRequiredClientCapabilityErrorData(
            required_capabilities=ClientCapabilities(extensions={TASKS: {}})
        )
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"the client must declare the extension {TASKS}",
            needed.model_dump(by_alias=True, mode="json", exclude_none=True),
        )
