"""`backdesk submit`: write one job, with the fields of its request as options, and follow it if asked to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand

from backdesk.cli.catalogue import contract_of
from backdesk.cli.commands.submit_each import submit_each
from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.attachments import FIELD, Attach, check_takes_files
from backdesk.cli.options.attachments import attach as attach_files
from backdesk.cli.options.moments import read_moment, read_span, read_span_or_moment
from backdesk.cli.options.request_fields import fields_of, request_from
from backdesk.cli.options.request_source import read_source
from backdesk.cli.options.submit import (
    At,
    Attempts,
    Batch,
    BudgetText,
    Conversation,
    Delay,
    Each,
    Expires,
    JobId,
    Key,
    KeyTtl,
    KeyWhileActive,
    Kind,
    Metadata,
    Patience,
    Priority,
    Request,
    Retry,
    Slots,
    StartBy,
    Tenant,
    Timeout,
    Traceparent,
    Wait,
    Watch,
    WhenBusy,
    read_documents,
)
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.following import follow, subscribed
from backdesk.cli.views.holds import record_lack_text
from backdesk.cli.views.record import end_of
from backdesk.client import Job, JobClient
from backdesk.client.operations.jobs import new_job_id
from backdesk.worker.errors import BackdeskError, InvalidRequest, ResultTimeout
from backdesk.worker.model.job import DEFAULT_TENANT, TERMINAL, JobRecord
from backdesk.worker.model.options import WHEN_BUSY

#: What is said of a key that has outlived its job.
FORGOTTEN = "the key belongs to job {}, which has ended and whose record is no longer kept; nothing was submitted"


class SubmitCommand(TyperCommand):
    """Adds to `submit KIND --help` the fields of that kind."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[__name__] = next((word for word in args if not word.startswith("-")), "")
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        if kind := ctx.meta.get(__name__):
            print_fields(kind)


def print_fields(kind: str) -> None:
    """Print the fields of a kind's request, or why they are not known."""
    out = Output(as_json=False)
    try:
        with connected() as client:
            fields = fields_of(contract_of(client, kind).request_schema)
    except BackdeskError as error:
        out.note(f"The fields of {kind} are not known: {error}")
        return
    out.line(f" Fields of {kind}:", "bold")
    for field in fields:
        notes = "; ".join(filter(None, (field.shown_default, field.description)))
        out.line(f"   {field.option} <{field.shown_type}>  {notes}".rstrip())
    out.line("")


@dataclass(frozen=True, slots=True)
class Follow:
    """Whether and for how long the command stays with the job."""

    watch: bool
    wait: bool
    timeout: float | None

    @classmethod
    def of(cls, watch: bool, wait: bool, patience: str | None) -> Follow:
        """Read the options of a command."""
        return cls(watch, wait, None if patience is None else read_span("for", patience).total_seconds())

    @property
    def deadline(self) -> float | None:
        return None if self.timeout is None else time.monotonic() + self.timeout


def submit(
    context: typer.Context,
    kind: Kind,
    *,
    request: Request = None,
    attach: Attach = None,
    each: Each = None,
    batch: Batch = None,
    tenant: Tenant = DEFAULT_TENANT,
    priority: Priority = None,
    delay: Delay = None,
    at: At = None,
    expires: Expires = None,
    start_by: StartBy = None,
    timeout: Timeout = None,
    attempts: Attempts = None,
    retry: Retry = None,
    budget: BudgetText = None,
    slots: Slots = None,
    idempotency_key: Key = None,
    key_ttl: KeyTtl = None,
    key_while_active: KeyWhileActive = False,
    conversation: Conversation = None,
    when_busy: WhenBusy = WHEN_BUSY[0],
    traceparent: Traceparent = None,
    metadata: Metadata = None,
    job_id: JobId = None,
    watch: Watch = False,
    wait: Wait = False,
    patience: Patience = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job. The fields of its request are given as options, named as in `backdesk kinds KIND`.

    For example:

        backdesk submit support.request --message "I want to return order 10003" --customer-id cust-3 --watch
        backdesk submit orders.audit --max-listed 5 --delay 10m --tenant acme --timeout 5m --attempts 3
        backdesk submit support.request --message "Hello" --budget tokens=20000,cost_usd=0.05,on_limit=approve
        backdesk submit support.request --message "What is this?" --customer-id cust-3 --attach photo.png --wait
        backdesk submit support.request --message "And order 10004?" --conversation c-17 --when-busy interrupt

    With --each there is a job for each line of a file. All lines are checked before one job is written; a wrong one is
    named, with the field, and nothing is sent. What broke off is repeated with the same --batch, which writes the rest:

        backdesk submit orders.audit --each audits.jsonl --batch audits-2026-11
        jq -c '.[]' export.json | backdesk submit support.request --each - --batch import-7 --tenant acme

    `backdesk submit KIND --help` lists the fields of that kind; one named like an option here is given by --request. A
    job that no live worker can run waits for one, and a warning says so. With --json this prints the job's id and the
    `warning`, with --watch its events one a line, with --wait its record, with --each an object for each job.

    """
    _check(kind, job_id)
    out, stay = Output(as_json=as_json), Follow.of(watch, wait, patience)
    times = _times(delay=delay, at=at, expires=expires, start_by=start_by, timeout=timeout, key_ttl=key_ttl)
    options = times | read_documents(attempts=attempts, retry=retry, budget=budget, metadata=metadata)
    options |= {"tenant": tenant, "priority": priority, "conversation_id": conversation, "when_busy": when_busy}
    options |= {"traceparent": traceparent}
    options |= {"slots": slots, "idempotency_key": idempotency_key, "idempotency_while_active": key_while_active}
    if each is not None:
        alone = {"request": request, "job_id": job_id, "idempotency_key": idempotency_key, "for": patience}
        _check_each(alone | {"attach": attach, "watch": watch or None, "wait": wait or None}, context.args)
        submit_each(kind, each, batch, options, out)
        return
    _check_one(batch, stay)
    options["job_id"] = job_id or new_job_id()
    with connected() as client:
        body = _body(client, kind, request, context.args)
        if attach:
            body = _with_files(client, kind, body, tenant, attach)
        _submit(client, kind, body, options, stay=stay, out=out)


def _check(kind: str, job_id: str | None) -> None:
    if kind.startswith("-"):
        raise InvalidRequest("kind", "comes first: backdesk submit KIND [OPTIONS]")
    if job_id == "":
        raise InvalidRequest("job_id", "must not be empty; leave it out for a random one")


def _check_one(batch: str | None, stay: Follow) -> None:
    """Refuse without `--each` what is of no use then."""
    if batch is not None:
        raise InvalidRequest("batch", "is for many jobs: give their requests by --each FILE")
    if stay.timeout is not None and not (stay.watch or stay.wait):
        raise InvalidRequest("for", "is how long the command stays: give --watch or --wait with it")


def _check_each(alone: dict[str, Any], fields: list[str]) -> None:
    """Refuse with `--each` the options that are for one job alone, and fields of its request."""
    if given := next((name for name, value in alone.items() if value is not None), None):
        raise InvalidRequest(given, "is for one job alone, and cannot be given with --each")
    if fields:
        raise InvalidRequest("each", f"the lines are whole requests; {fields[0]} cannot be given beside them")


def _times(
    *,
    delay: str | None,
    at: str | None,
    expires: str | None,
    start_by: str | None,
    timeout: str | None,
    key_ttl: str | None,
) -> dict[str, Any]:
    """Return the options that are about time, as the client takes them."""
    return {
        "delay": None if delay is None else read_span("delay", delay),
        "at": None if at is None else read_moment("at", at),
        "expires": None if expires is None else read_span_or_moment("expires", expires),
        "start_by": None if start_by is None else read_span_or_moment("start_by", start_by),
        "timeout": None if timeout is None else read_span("timeout", timeout),
        "idempotency_ttl": None if key_ttl is None else read_span("key_ttl", key_ttl),
    }


def _body(client: JobClient, kind: str, request: str | None, options: list[str]) -> Any:
    if request is None:
        return request_from(options, contract_of(client, kind).request_schema)
    if options:
        raise InvalidRequest("request", f"give either --request or fields such as {options[0]}, not both")
    return read_source("request", request)


def _with_files(client: JobClient, kind: str, body: Any, tenant: str, files: list[str]) -> Any:
    check_takes_files(kind, contract_of(client, kind).request_schema)
    if not isinstance(body, dict):
        raise InvalidRequest("request", "must be a JSON object")
    return body | {FIELD: [*body.get(FIELD, []), *attach_files(client, tenant, files)]}


def _submit(client: JobClient, kind: str, body: Any, options: dict[str, Any], *, stay: Follow, out: Output) -> None:
    if not stay.watch:
        job = client.submit(kind, body, **options)
        _announce(job, stay, out)
        if stay.wait:
            _wait(job, stay, out)
        return
    with subscribed(client, options["job_id"], deadline=stay.deadline) as events:
        job = client.submit(kind, body, **options)
        _announce(job, stay, out)
        if job.id == options["job_id"]:
            follow(events, out)
    if job.id != options["job_id"]:  # the idempotency key found an earlier job
        with subscribed(client, job.id, deadline=stay.deadline) as events:
            follow(events, out)
    record = client.get(job.id)
    if record.steered_into is not None:
        with subscribed(client, record.steered_into, deadline=stay.deadline) as events:
            follow(events, out)
        record = client.get(record.steered_into)
    _conclude(record, stay, out)


def _announce(job: Job, stay: Follow, out: Output) -> None:
    if job.forgotten:
        raise CommandFailed("job_forgotten", FORGOTTEN.format(job.id), ExitCode.REFUSED)
    record = job.get()
    warning = record_lack_text(record, record.unserved) if record.unserved else None
    if not stay.watch and not stay.wait:
        out.document({"job_id": job.id, "created": job.created, "warning": warning})
    out.line(f"{'submitted' if job.created else 'found again'} {job.id}")
    if warning:
        out.note(f"it waits: {warning}", "yellow")
    if not stay.watch and not stay.wait:
        out.line(f"follow it: backdesk watch {job.id}", "dim")


def _wait(job: Job, stay: Follow, out: Output) -> None:
    with out.waiting("waiting for its end"):
        record = job.client.wait(job.id, stay.timeout)
        if record.steered_into is not None:
            record = job.client.wait(record.steered_into, stay.timeout)
    out.document(record)
    _conclude(record, stay, out)


def _conclude(record: JobRecord, stay: Follow, out: Output) -> None:
    if record.state not in TERMINAL:
        raise ResultTimeout(record.id, stay.timeout or 0.0)
    if (code := end_of(record, out)) is not ExitCode.OK:
        raise typer.Exit(code)
