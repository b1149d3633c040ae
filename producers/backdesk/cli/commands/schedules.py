"""`backdesk schedules`: jobs that are submitted again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_moment, read_span
from backdesk.cli.options.request_source import read_source
from backdesk.cli.options.schedules import (
    Cron,
    Ends,
    Every,
    Expires,
    Name,
    OfTenant,
    OnMissed,
    OnOverlap,
    Paused,
    Priority,
    Replace,
    Request,
    StartBy,
    Starts,
    Zone,
)
from backdesk.cli.options.submit import (
    Attempts,
    BudgetText,
    Kind,
    Metadata,
    Retry,
    Slots,
    Tenant,
    Timeout,
    read_documents,
)
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.schedules import next_text, show_schedule, show_schedules
from backdesk.client.operations.schedules import KeptSchedule
from backdesk.client.options import given
from backdesk.worker.errors import ScheduleNotFound
from backdesk.worker.model.job import DEFAULT_TENANT
from backdesk.worker.model.schedule import Missed, Overlap


def add(
    name: Name,
    kind: Kind,
    *,
    request: Request = None,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = "UTC",
    starts: Starts = None,
    ends: Ends = None,
    missed: OnMissed = Missed.ONCE,
    overlap: OnOverlap = Overlap.ALLOW,
    tenant: Tenant = DEFAULT_TENANT,
    priority: Priority = None,
    expires: Expires = None,
    start_by: StartBy = None,
    timeout: Timeout = None,
    attempts: Attempts = None,
    retry: Retry = None,
    budget: BudgetText = None,
    slots: Slots = None,
    metadata: Metadata = None,
    paused: Paused = False,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Add a schedule: a job of KIND at each moment of a cron expression or an interval.

    For example:

        backdesk schedules add nightly-audit orders.audit --cron "30 3 * * MON-FRI" --timezone Europe/Berlin
        backdesk schedules add check-stock orders.audit --every 15m --request '{"max_listed": 5}' --overlap skip

    The same definition again changes nothing; another one of the same name needs --replace. With --json this prints
    the schedule, and whether it was `added` or `replaced`.

    """
    out = Output(as_json=as_json)
    spans = given(every=every, expires=expires, start_by=start_by, timeout=timeout)
    options: dict[str, Any] = {field: read_span(field, text) for field, text in spans.items()}
    options |= {field: read_moment(field, text) for field, text in given(starts=starts, ends=ends).items()}
    options |= read_documents(attempts=attempts, retry=retry, budget=budget, metadata=metadata)
    options |= {"tenant": tenant, "priority": priority, "slots": slots, "paused": paused, "replace": replace}
    options |= {"cron": cron, "timezone": timezone, "missed": missed, "overlap": overlap}
    body = {} if request is None else read_source("request", request)
    with connected() as client:
        kept = client.schedules.add(name, kind, body, **options)
    _announce(name, kept, out)


def _announce(name: str, kept: KeptSchedule, out: Output) -> None:
    out.document({"added": kept.added, "replaced": kept.replaced} | kept.record.model_dump(mode="json"))
    done = "added" if kept.added else "replaced" if kept.replaced else "unchanged:"
    out.line(f"{done} {name}")
    out.line(f"next: {next_text(kept.record)}", "dim")


def list_schedules(
    tenant: OfTenant = None,
    as_json: AsJson = False,
) -> None:
    """List the schedules: when each fires next and has fired last, and what became of that job.

    For example:

        backdesk schedules list --tenant acme

    With --json this is one array of schedules.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        records = client.schedules.list(tenant=tenant)
    out.document(records)
    if records:
        show_schedules(records, out)
    else:
        out.line("no schedules; add one with: backdesk schedules add NAME KIND --every 1h")


def show(name: Name, as_json: AsJson = False) -> None:
    """Show a schedule: its definition, its next and last firing, what was missed, and its last error.

    For example:

        backdesk schedules show nightly-audit

    """
    out = Output(as_json=as_json)
    with connected() as client:
        record = client.schedules.get(name)
    out.document(record)
    show_schedule(record, out)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Fire a schedule no more until it is resumed; its running jobs go on.

    For example:

        backdesk schedules pause nightly-audit

    """
    out = Output(as_json=as_json)
    with connected() as client:
        record = client.schedules.pause(name)
    out.document(record)
    out.line(f"paused {name}")


def resume(name: Name, as_json: AsJson = False) -> None:
    """Fire a schedule again; for what it has missed meanwhile it fires once, or not at all with `--missed skip`.

    For example:

        backdesk schedules resume nightly-audit

    """
    out = Output(as_json=as_json)
    with connected() as client:
        record = client.schedules.resume(name)
    out.document(record)
    out.line(f"resumed {name}")
    out.line(f"next: {next_text(record)}", "dim")


def remove(name: Name, as_json: AsJson = False) -> None:
    """Forget a schedule; its jobs are left alone.

    For example:

        backdesk schedules remove nightly-audit

    """
    out = Output(as_json=as_json)
    with connected() as client:
        if not client.schedules.remove(name):
            raise ScheduleNotFound(name)
    out.document({"removed": name})
    out.line(f"removed {name}")


def run(name: Name, as_json: AsJson = False) -> None:
    """Submit a job of a schedule now, beside its times.

    For example:

        backdesk schedules run nightly-audit

    """
    out = Output(as_json=as_json)
    with connected() as client:
        job = client.schedules.run(name)
    out.document({"job_id": job.id})
    out.line(f"submitted {job.id}")
    out.line(f"follow it: backdesk watch {job.id}", "dim")


#: The commands under `backdesk schedules`, by name.
COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "list": list_schedules,
    "show": show,
    "pause": pause,
    "resume": resume,
    "remove": remove,
    "run": run,
}
