"""Submitting jobs: one, or a thousand."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from backdesk.client import AsyncJob
from backdesk.gateway.service import Served, Submitter
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobRecord
from backdesk.worker.text.json import encode

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_WAIT = re.compile(r"(?:^|[,;]\s*)wait=(\d+(?:\.\d+)?)")
#: Jobs in one batch, at most.
MOST_IN_BATCH = 1000

IdempotencyKey = Annotated[
    str | None, Header(description="The same key with the same request finds the same job.", max_length=512)
]


class JobOptionsBody(BaseModel):
    """What may be said of a job besides its kind and request, as of `client.submit`. Times are seconds, or moments."""

    model_config = ConfigDict(extra="forbid")

    tenant: str | None = Field(None, description="Whose job it is; that of the key, unless the key is for all.")
    priority: int | None = Field(None, ge=0, le=9)
    delay: float | None = Field(None, ge=0)
    at: datetime | None = None
    expires: float | datetime | None = None
    start_by: float | datetime | None = None
    timeout: float | None = Field(None, gt=0)
    retry: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    slots: int | None = None
    metadata: dict[str, Any] | None = None
    idempotency_ttl: float | None = None
    idempotency_while_active: bool = False
    conversation_id: str | None = None
    when_busy: str = "enqueue"

    def options(self) -> Any:
        """Return what was said of the job."""
        return {name: getattr(self, name) for name in self.model_fields_set & JobOptionsBody.model_fields.keys()}


class Submission(JobOptionsBody):
    """A job to be done."""

    kind: str = Field(examples=["support.request"])
    request: Any = Field(examples=[{"message": "Where is my order 10003?", "customer_id": "cust-3"}])
    job_id: str | None = Field(None, description="An id of the caller's choosing.")
    idempotency_key: str | None = Field(None, description="In place of the header Idempotency-Key.")


class BatchSubmission(JobOptionsBody):
    """Jobs of one kind; the options hold for each of them."""

    kind: str
    requests: list[Any] = Field(min_length=1, max_length=MOST_IN_BATCH)
    batch: str | None = Field(None, description="A name by which the same batch is sent again without harm.")
    idempotency_keys: list[str] | None = Field(None, description="One for each request.")


class WrittenJob(BaseModel):
    """What came of one submit. `created` is false where a key or id has found the job."""

    id: str
    created: bool
    forgotten: bool = Field(False, description="Whether it has ended, and its record is not kept any more.")


class WrittenBatch(BaseModel):
    """What came of a batch, in the order of its requests."""

    data: list[WrittenJob]


@router.post(
    "",
    status_code=201,
    summary="Submit a job",
    response_model=JobRecord,
    responses={200: {"model": JobRecord, "description": "The job that the key or id has found"}},
)
async def submit(
    body: Submission,
    gateway: Served,
    caller: Submitter,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=N` (RFC 7240): answer once it has ended.")] = None,
    wait: Annotated[float | None, Query(ge=0, description="The same, in seconds.")] = None,
) -> Response:
    """Write one job, and answer with its record: 201 if it is new, 200 if the key or id has found it."""
    key = body.idempotency_key if idempotency_key is None else unquoted(idempotency_key)
    options = body.options() | ({} if key is None else {"idempotency_key": key})
    job = await gateway.exchange.submit(caller, body.kind, body.request, job_id=body.job_id, **options)
    if job.forgotten:
        return _answer(job, WrittenJob(id=job.id, created=False, forgotten=True))
    wait_s = min(preferred(prefer) if wait is None else wait, gateway.settings.max_wait_s)
    return _answer(job, await gateway.exchange.wait(caller, job.id, wait_s))


def _answer(job: AsyncJob[Any], body: BaseModel) -> Response:
    headers = {"location": f"/v1/jobs/{job.id}"} | ({} if job.created else {"idempotent-replayed": "true"})
    return Response(encode(body), 201 if job.created else 200, headers, "application/json")


@router.post("/batch", status_code=201, summary="Submit many jobs of a kind", response_model=WrittenBatch)
async def submit_batch(body: BatchSubmission, gateway: Served, caller: Submitter) -> Response:
    """Write up to 1,000 jobs of one kind; all are checked before one is written."""
    options = body.options()
    jobs = await gateway.exchange.submit_many(
        caller, body.kind, body.requests, batch=body.batch, idempotency_keys=body.idempotency_keys, **options
    )
    written = [{"id": job.id, "created": job.created, "forgotten": job.forgotten} for job in jobs]
    return Response(encode({"data": written}), 201, media_type="application/json")


def unquoted(key: str) -> str:
    """Return an Idempotency-Key as it was meant: a string of structured fields (RFC 9651), or bare.

    Raises InvalidRequest for an empty one.
    """
    quoted = len(key) > 1 and key[0] == key[-1] == '"'
    meant = key[1:-1].replace('\\"', '"').replace("\\\\", "\\") if quoted else key
    if not meant:
        raise InvalidRequest("Idempotency-Key", "must not be empty")
    return meant


def preferred(prefer: str | None) -> float:
    """Return the seconds that a header `Prefer` has the answer wait (RFC 7240)."""
    found = _WAIT.search(prefer or "")
    return float(found[1]) if found else 0.0
