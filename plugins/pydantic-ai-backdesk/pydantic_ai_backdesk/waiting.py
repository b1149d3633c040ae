"""How a run waits for an event from outside: as a question of its job, which leaves its slot meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic import JsonValue
from pydantic_ai.external_events import ExternalEventError, ExternalEventWaiter
from pydantic_core import from_json, to_json

from backdesk.client import JobClient
from backdesk.worker import Effect
from pydantic_ai_backdesk.job import Job


class Questions(ExternalEventWaiter):
    """Waits for what tokens are resolved with. A token names the job and its question, for `resolve_token`."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def wait(
        self,
        name: str,
        *,
        ask: Callable[[str], Awaitable[JsonValue]],
        timeout: timedelta | None,  # noqa: ASYNC109 - the library calls it so
    ) -> JsonValue:
        """Have `ask` called once, and return what it returns or what its token is resolved with."""
        key = self._job.names.next(name)
        token = f"{self._job.ctx.job_id} {key}"
        told: JsonValue = await self._job.step(f"{key}/ask", lambda: ask(token), Effect.IDEMPOTENT)
        if told is not None:
            return told
        within = None if timeout is None else timeout.total_seconds()
        answer = await self._job.ctx.ask(key, f"What is the answer to {name}, as JSON?", within=within, token=token)
        if answer.timed_out:
            raise ExternalEventError(f"nobody answered within {timeout}")
        try:
            return from_json(answer.value)  # type: ignore[no-any-return]  # JSON is any of its values
        except (ValueError, TypeError):
            raise ExternalEventError("the answer is no JSON") from None


def resolve_token(client: JobClient, token: str, payload: object, *, by: str = "") -> None:
    """Give a run the answer that it waits for, by the token that it has handed out; its job goes on at once.

    Raises ValueError for what is no token, and what `JobClient.answer` raises: NotWaiting, AskUnknown, JobNotFound.
    """
    job_id, _, ask = token.partition(" ")
    if not ask:
        raise ValueError(f"{token!r} is no token that a job of backdesk has handed out")
    client.answer(job_id, to_json(payload).decode(), ask=ask, by=by)
