"""Dead letters over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backdesk.client.operations.dead_letters import DeadFilter, DeadLetterOperations, Replay, Replays
from backdesk.client.operations.jobs import Written
from backdesk.client.operations.lists import JobPage
from backdesk.client.operations.operation import Operation
from backdesk.client.over_http.asking import ask_for, in_query, is_done, page_of
from backdesk.worker.errors import BackdeskError, JobNotFound
from backdesk.worker.model.job import JobRecord


class HttpDeadLetters(DeadLetterOperations):
    """The operations on dead letters."""

    def list(self, meant: DeadFilter, limit: int, cursor: str | None) -> Operation[JobPage]:
        """Return a page of those that fit."""
        query = _which(meant) | {"all": meant.replayed, "limit": limit, "cursor": cursor}
        return ask_for(page_of(JobRecord), "GET", "dead_letters", query=query)

    def replay(
        self, job_id: str, request: object | None, changes: Mapping[str, Any], *, resume: bool
    ) -> Operation[Written]:
        """Write the job that does it again, and return what that came to."""
        body = {"request": request, "resume": resume, **changes}
        return ask_for(_written, "POST", "jobs", job_id, "replay", body=body)

    def replay_many(self, meant: DeadFilter, limit: int, *, resume: bool) -> Operation[Replays]:
        """Replay those that fit, the oldest first; one that is refused does not hold up the others."""
        body = _which(meant) | {"since": _since(meant.since), "resume": resume, "limit": limit}
        return ask_for(_replays, "POST", "dead_letters", "replay", body=body)

    def drop(self, job_ids: Sequence[str]) -> Operation[int]:
        """Forget dead letters, also those in the archive; returns how many there were among these jobs."""
        dropped = 0
        for job_id in job_ids:
            try:
                dropped += yield from ask_for(is_done, "DELETE", "dead_letters", job_id)
            except JobNotFound:
                continue
        return dropped


def _which(meant: DeadFilter) -> dict[str, Any]:
    named = {"tenant": meant.tenant, "kind": meant.kind, "code": meant.code, "category": meant.category}
    return named | {"since": meant.since}


def _since(since: object) -> object:
    """Return it as a body has it: as in a query, a text."""
    return None if since is None else in_query(since)


def _written(told: Any) -> Written:
    return Written(told["id"], told["created"], told["forgotten"])


def _replays(told: Any) -> Replays:
    return [
        Replay(
            each["origin"],
            each["job_id"],
            each["created"],
            None if each["refused"] is None else BackdeskError(each["refused"]),
        )
        for each in told["data"]
    ]
