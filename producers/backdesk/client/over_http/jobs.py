"""Jobs over HTTP: submit them, read them, end them, and give them what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from itertools import count
from typing import Any

from backdesk.client.contracts import NamedKind, name_of
from backdesk.client.operations.answers import AnswerOperations
from backdesk.client.operations.asks import AskOperations, Asks
from backdesk.client.operations.forgetting import ForgettingOperations
from backdesk.client.operations.jobs import (
    Announcements,
    Contracts,
    Events,
    Ids,
    JobOperations,
    Written,
    new_job_id,
    outcome_of,
)
from backdesk.client.operations.lists import FieldSet, ListOperations
from backdesk.client.operations.operation import Operation
from backdesk.client.operations.prompts import PromptOperations, Prompts, SentRequests
from backdesk.client.operations.rewinding import RewindOperations
from backdesk.client.operations.steps import Memory, MemoryOperations, Remembered
from backdesk.client.over_http.asking import as_a, ask, ask_for, data_of, is_done, page_of
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.asks import AskType, OpenAsk
from backdesk.worker.model.contract import KindContract, encode_json
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import JobRecord, JobRow, JobState
from backdesk.worker.model.options import JobOptions
from backdesk.worker.model.page import Page
from backdesk.worker.model.prompt import KindPrompt
from backdesk.worker.model.sent import SentRequest
from backdesk.worker.store.listing import JobFilter
from backdesk.worker.submit.reply import Reply
from backdesk.worker.text.json import decode

#: Jobs of one request, as many as a gateway takes.
JOBS_A_REQUEST = 1000
_SILENT = JobOptions()
#: What is sent as a header, or with each request by itself.
_APART = {"traceparent"}


class HttpJobs(JobOperations):
    """The operations on jobs."""

    def submit(self, kind: NamedKind, request: object, options: JobOptions, job_id: str | None) -> Operation[Written]:
        """Write one job. Its id is chosen here, so that a request whose answer was lost is repeated without harm."""
        chosen = job_id if job_id is not None or options.idempotency_key is not None else new_job_id()
        body = said(options) | {"kind": name_of(kind), "request": plain_request(request), "job_id": chosen}
        answer = yield from ask("POST", "jobs", body=body, headers=_headers(options))
        told = decode(answer.content)
        created = answer.status == 201 or (job_id is None and chosen is not None)
        return Written(told["id"], created, told.get("forgotten", False))

    def submit_many(
        self,
        kind: NamedKind,
        requests: Iterable[object],
        options: JobOptions,
        batch: str | None,
        keys: Iterable[str] | None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Operation[list[Written]]:
        """Write many jobs; those of one request, 1,000, are checked before one of them is written."""
        if options.idempotency_key is not None:
            raise InvalidRequest("idempotency_key", "names one job; give idempotency_keys, one for each request")
        each, named = [plain_request(request) for request in requests], None if keys is None else [*keys]
        written, name = list[Written](), batch or (new_job_id() if named is None else None)
        for part, at in zip(count(), range(0, len(each), JOBS_A_REQUEST)):
            body = said(options) | {
                "kind": name_of(kind),
                "requests": each[at : at + JOBS_A_REQUEST],
                "batch": f"{name}-{part}" if name and part else name,
                "idempotency_keys": None if named is None else named[at : at + JOBS_A_REQUEST],
            }
            told = yield from ask_for(_entries, "POST", "jobs", "batch", body=body, headers=_headers(options))
            mine = batch is None and named is None
            written += [Written(one["id"], one["created"] or mine, one["forgotten"]) for one in told]
            if progress:
                progress(len(written))
        return written

    def get(self, job_id: str) -> Operation[JobRecord]:
        """Return the record; raises JobNotFound."""
        return self.get_later(job_id, 0)

    def get_later(self, job_id: str, wait_s: float) -> Operation[JobRecord]:
        """Return the record once the job has ended, or as it is after so many seconds; raises JobNotFound."""
        query = {"wait": wait_s or None}
        return ask_for(as_a(JobRecord), "GET", "jobs", job_id, query=query, wait_s=wait_s)

    def outcome_of(self, record: JobRecord) -> Operation[Any]:
        """Return the result of a job that has ended, wherever it is. Raises JobFailed when it has none, BlobError."""
        if record.result_blob is None or record.state is not JobState.SUCCEEDED:
            return outcome_of(record)
        return (yield from ask_for(_itself, "GET", "jobs", record.id, "result"))

    def events(self, job_id: str, after: int) -> Operation[tuple[Events, bool]]:
        """Return the logged events with a seq over `after`, and whether the job has ended; raises JobNotFound."""
        if isinstance(after, bool) or not isinstance(after, int) or after < 0:
            raise InvalidRequest("after", f"{after!r} must be the number of an event, or 0")
        told: Events = yield from ask_for(data_of(JobEvent), "GET", "jobs", job_id, "log", query={"after": after})
        ended = told[-1].terminal if told else (yield from self.get(job_id)).done
        return told, ended

    def cancel(self, job_id: str, reason: str) -> Operation[JobState]:
        """End a job, or ask its attempt to; returns the state it is in now, raises JobNotFound or NotCancellable."""
        return ask_for(_state, "POST", "jobs", job_id, "cancel", body={"reason": reason})

    def kinds(self) -> Operation[Contracts]:
        """Return the contracts that workers have announced, by name."""
        return ask_for(data_of(KindContract), "GET", "kinds")

    def workers(self) -> Operation[Announcements]:
        """Return what live workers announce of themselves, by name."""
        return ask_for(data_of(WorkerFacts), "GET", "workers")

    def counts(self) -> Operation[dict[JobState, int]]:
        """Return how many jobs are in each state."""
        return ask_for(as_a(dict[JobState, int]), "GET", "counts")


class HttpLists(ListOperations):
    """The operations that list jobs."""

    def page(self, meant: JobFilter, limit: int, cursor: str | None, fields: FieldSet) -> Operation[Page[Any]]:
        """Return a page of records or rows."""
        named = {"state": meant.state, "tenant": meant.tenant, "kind": meant.kind, "code": meant.code}
        query = named | {"limit": limit, "cursor": cursor, "fields": fields}
        return ask_for(page_of(JobRow if fields == "row" else JobRecord), "GET", "jobs", query=query)


class HttpAnswers(AnswerOperations):
    """The operations that give jobs what they wait for. Who does it is who the key is of."""

    def give(self, job_id: str, reply: Reply) -> Operation[None]:
        """Give a reply to the job. Raises JobNotFound, NotWaiting, AskUnknown or InvalidRequest."""
        said: dict[str, object] = {"note": reply.note, "ask": reply.ask}
        if reply.type is AskType.APPROVAL:
            yield from ask("POST", "jobs", job_id, reply.said, body=said)
        elif reply.type is AskType.QUESTION:
            yield from ask("POST", "jobs", job_id, "answer", body=said | {"answer": reply.said})
        else:
            outcome = {"outcome": reply.said, "result": reply.result}
            yield from ask("POST", "jobs", job_id, "resolve", body=said | outcome)

    def pause(self, job_id: str, by: str, note: str) -> Operation[JobState]:
        """Have a job pause; returns the state it is in now. Raises JobNotFound or InvalidRequest."""
        return ask_for(_state, "POST", "jobs", job_id, "pause", body={"note": note})

    def resume(self, job_id: str, by: str, note: str) -> Operation[bool]:
        """Have a paused job go on; returns whether it was paused, or was to be. Raises as `pause`."""
        return ask_for(is_done, "POST", "jobs", job_id, "resume", body={"note": note})


class HttpAsks(AskOperations):
    """The operations on what jobs ask of people."""

    def list(
        self, tenant: str | None, kind: str | None, within: object, limit: int, cursor: str | None
    ) -> Operation[Asks]:
        """Return a page of them, the most urgent first."""
        query = {"tenant": tenant, "kind": kind, "within": within, "limit": limit, "cursor": cursor}
        return ask_for(page_of(OpenAsk), "GET", "asks", query=query)


class HttpMemories(MemoryOperations):
    """The operations on what jobs remember."""

    def of(self, job_id: str) -> Operation[Memory]:
        """Return what a job remembers, in the order in which it came about; raises JobNotFound."""
        return ask_for(data_of(Remembered), "GET", "jobs", job_id, "memory")

    def children(self, job_id: str) -> Operation[Ids]:
        """Return the ids of the jobs that a job has called."""
        return ask_for(data_of(str), "GET", "jobs", job_id, "children")


class HttpPrompts(PromptOperations):
    """The operations on what models are told."""

    def of_kind(self, kind: str) -> Operation[Prompts]:
        """Return the prompts that workers have announced for a kind, with their texts; raises UnknownKind."""
        return ask_for(data_of(KindPrompt), "GET", "kinds", kind, "prompts")

    def sent(self, job_id: str) -> Operation[SentRequests]:
        """Return the requests of a job to models; raises JobNotFound."""
        return ask_for(data_of(SentRequest), "GET", "jobs", job_id, "prompts")


class HttpRewinding(RewindOperations):
    """The operations that rewind jobs."""

    def rewind(
        self, job_id: str, to: str | int, request: object | None, values: Mapping[str, Any], *, repeat: bool
    ) -> Operation[Written]:
        """Write the job that goes on from there, and return what that came to."""
        body = {"to": to, "request": plain_request(request), "values": dict(values) or None, "repeat": repeat}
        return ask_for(_written, "POST", "jobs", job_id, "rewind", body=body)


class HttpForgetting(ForgettingOperations):
    """The operations that forget jobs."""

    def forget(self, job_id: str) -> Operation[None]:
        """Forget a job in Redis and in the archive. Raises NotForgettable, JobNotFound."""
        yield from ask("DELETE", "jobs", job_id)


def said(options: JobOptions) -> dict[str, Any]:
    """Return the options that say something."""
    told = {each.name: getattr(options, each.name) for each in fields(options) if each.name not in _APART}
    return {name: value for name, value in told.items() if value != getattr(_SILENT, name)}


def _headers(options: JobOptions) -> dict[str, str]:
    return {"traceparent": options.traceparent} if options.traceparent else {}


def plain_request(request: object) -> Any:
    """Return a request as JSON data. Raises InvalidRequest, with the path in it, for what JSON cannot hold."""
    return None if request is None else decode(encode_json("request", request))


def _entries(told: Any) -> list[Any]:
    return list(told["data"])


def _itself(told: Any) -> Any:
    return told


def _state(told: Any) -> JobState:
    return JobState(told["state"])


def _written(told: Any) -> Written:
    return Written(told["id"], told["created"], told["forgotten"])
