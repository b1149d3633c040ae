"""The object `response`, with all that clients and Open Responses expect in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backdesk.gateway.dialects.responses.ids import ResponseId
from backdesk.worker.model.job import JobRecord, JobState

#: Under this key of a job's metadata is kept what only this protocol knows of it.
KEPT = "backdesk.responses"
#: The state of a job, in the words of the API.
STATUS = {
    JobState.SCHEDULED: "queued",
    JobState.QUEUED: "queued",
    JobState.RUNNING: "in_progress",
    JobState.WAITING: "in_progress",
    JobState.SUCCEEDED: "completed",
    JobState.STEERED: "completed",
    JobState.FAILED: "failed",
    JobState.EXPIRED: "failed",
    JobState.CANCELLED: "cancelled",
}
#: Codes of failures that clients know.
_CODES = {"rate_limited": "rate_limit_exceeded", "invalid_request": "invalid_prompt"}


def response_object(
    id_: ResponseId,
    record: JobRecord,
    status: str,
    output: Sequence[Mapping[str, Any]] = (),
    *,
    error: Mapping[str, Any] | None = None,
    ended: bool = False,
) -> dict[str, Any]:
    """Return a response; of one that has `ended` with its job, what it took is told."""
    kept: dict[str, Any] = record.metadata.get(KEPT) or {}
    finished = record.finished_at if ended else None
    waiting = {"backdesk_state": "waiting"} if record.state is JobState.WAITING and status == "in_progress" else {}
    return {
        "id": str(id_),
        "object": "response",
        "created_at": int(record.created_at.timestamp()),
        "completed_at": None if finished is None else int(finished.timestamp()),
        "status": status,
        "background": bool(kept.get("background")),
        "model": record.kind,
        "output": [*output],
        "error": error,
        "incomplete_details": None,
        "instructions": kept.get("instructions"),
        "previous_response_id": kept.get("previous_response_id"),
        "conversation": {"id": f"conv_{record.conversation}"} if record.conversation else None,
        "metadata": {**kept.get("metadata", {}), **waiting},
        "parallel_tool_calls": True,
        "tools": [],
        "tool_choice": "auto",
        "text": {"format": {"type": "text"}},
        "temperature": None,
        "top_p": None,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "reasoning": {"effort": None, "summary": None},
        "truncation": "disabled",
        "max_output_tokens": kept.get("max_output_tokens"),
        "max_tool_calls": kept.get("max_tool_calls"),
        "store": True,
        "service_tier": kept.get("service_tier", "default"),
        "safety_identifier": kept.get("safety_identifier"),
        "prompt_cache_key": None,
        "usage": usage_of(record) if ended else None,
    }


def usage_of(record: JobRecord) -> dict[str, Any]:
    """Return what a job took of the model."""
    used = record.usage
    read, written = (used.input_tokens, used.output_tokens) if used else (0, 0)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def error_of(state: JobState, code: str, message: str) -> dict[str, Any]:
    """Return why there is no answer: a code that clients know, and ours in the message."""
    told = f"{state}: {message}" if state is not JobState.FAILED else message
    return {"code": _CODES.get(code, "server_error"), "message": f"{told or state} [{code}]"}
