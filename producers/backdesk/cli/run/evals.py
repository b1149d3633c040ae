"""`backdesk eval`: golden conversations, held with the configured model, and what came otherwise than it must."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backdesk.cli.connection import connected
from backdesk.cli.errors import ExitCode
from backdesk.cli.options.attachments import attach
from backdesk.cli.options.golden import read_golden, with_files
from backdesk.cli.options.submit import Tenant
from backdesk.cli.output import AsJson, Output
from backdesk.cli.run.colleague import Colleague
from backdesk.cli.run.stage import stage
from backdesk.cli.views.evals import changes_of, show_evaluation, summary_of
from backdesk.client import Job, JobClient
from backdesk.client.operations.jobs import new_job_id
from backdesk.worker.errors import InvalidRequest, ResultTimeout
from backdesk.worker.model.job import DEFAULT_TENANT, JobRecord

KIND = "evals.conversation"
#: Where the last evaluation is kept, in the data folder.
LAST = "evals.json"
#: How long one conversation may take, and how often it is looked what is asked of people meanwhile.
PATIENCE_S, LOOKED_AT_S = 1800.0, 0.5
UNASKED = "a person was to decide, and nobody asked for an approval"


def evaluate(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files or folders of YAML; else those shipped.")
    ] = None,
    *,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only conversations with this kind.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Only with this tag; may be repeated.")] = None,
    language: Annotated[str | None, typer.Option(metavar="CODE", help="Only in this language, such as de.")] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Only those with this in their name.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="How many jobs run at once.")] = 8,
    here: Annotated[
        bool, typer.Option("--here", help="On the deployment that is running, with its data, in place of a fresh one.")
    ] = False,
    tenant: Tenant = DEFAULT_TENANT,
    last: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the last run is kept; .backdesk/evals.json by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold golden conversations with the configured model, and tell what came otherwise than it must.

    For example:

        backdesk eval
        backdesk eval my_conversations/ --kind support.request --tag money
        OPENAI_API_KEY=... BACKDESK_MODEL=gpt-4o-mini backdesk eval --parallel 20

    Each conversation is a job, and so is each of its messages. They run on a private Redis, a worker and a fresh sample
    shop that are started for it, so that the same run finds the same data; --here takes the deployment that is there.
    Conversations of the same customer are held one after the other, in the order of the files.

    The exit code is 1 when one does not come to what it must. With --json this prints the whole report.

    """
    out = Output(as_json=as_json)
    conversations = _chosen(read_golden(paths or []), kind=kind, tags=tag or [], language=language, name=name)
    kept = last or Path(os.environ.get("BACKDESK_DATA_DIR") or ".backdesk") / LAST
    before, others = _read(kept), list[dict[str, Any]]()
    if kind or tag or language or name:
        names = {each["name"] for each in conversations}
        others = [each for each in before if each["name"] not in names]
        before = [each for each in before if each["name"] in names]
    with _deployment(out, conversations, parallel, here=here) as client:
        jobs = _submit(client, conversations, tenant)
        ids = [job.id for job in jobs]
        colleague = Colleague(client, tenant, dict(zip(ids, conversations, strict=True)))
        records = list(_awaited(client, ids, colleague, out))
    unasked = [colleague.unasked(job_id) for job_id in ids]
    held = [_held(*each) for each in zip(conversations, records, unasked, strict=True)]
    report = _report(held, before)
    _keep(kept, {**report, "conversations": [*held, *others]})
    out.document(report)
    show_evaluation(report, out)
    if report["summary"]["passed"] < len(conversations):
        raise typer.Exit(ExitCode.FAILED)


def _chosen(
    conversations: Sequence[dict[str, Any]],
    *,
    kind: str | None,
    tags: Sequence[str],
    language: str | None,
    name: str | None,
) -> list[dict[str, Any]]:
    chosen = [
        each
        for each in conversations
        if kind in (None, each.get("kind"))
        and language in (None, each.get("language", "en"))
        and set(tags) <= set(each["tags"])
        and (name or "") in each["name"]
    ]
    if not chosen:
        raise InvalidRequest(
            "path", f"none of {len(conversations)} conversations fits --kind, --tag, --language, --name"
        )
    return chosen


@contextmanager
def _deployment(
    out: Output, conversations: Sequence[dict[str, Any]], parallel: int, *, here: bool
) -> Iterator[JobClient]:
    if here:
        with connected() as client:
            yield client
        return
    kinds = {KIND, *(str(each.get("kind")) for each in conversations)}
    modules = os.environ.get("BACKDESK_TASK_MODULES", "backdesk.kinds.samples")
    with stage(out, "eval", kinds, modules, parallel) as made:
        yield made.client


def _submit(client: JobClient, conversations: Sequence[dict[str, Any]], tenant: str) -> list[Job]:
    run = new_job_id()[:8]
    files = partial(attach, client, tenant)
    return [
        client.submit(KIND, with_files(each, files), tenant=tenant, conversation_id=f"eval-{run}-{_customer(each)}")
        for each in conversations
    ]


def _customer(conversation: dict[str, Any]) -> str:
    """Name whose data a conversation may change: it must not be changed by another at the same time."""
    fields = conversation["fields"]
    return str(fields.get("customer_id") or fields.get("organisation_id") or conversation["name"])[:60]


def _awaited(client: JobClient, ids: Sequence[str], colleague: Colleague, out: Output) -> Iterator[JobRecord]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=out.console, transient=True, disable=not out.live) as bar:
        task = bar.add_task("conversations", total=len(ids))
        for job_id in ids:
            yield _end_of(client, job_id, colleague)
            bar.advance(task)


def _end_of(client: JobClient, job_id: str, colleague: Colleague) -> JobRecord:
    late = time.monotonic() + PATIENCE_S
    while True:
        colleague.answer()
        try:
            return client.wait(job_id, LOOKED_AT_S)
        except ResultTimeout:
            if time.monotonic() > late:
                raise


def _report(held: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(),
        "model": next((each["model"] for each in held if each["model"]), None),
        "summary": summary_of(held),
        "before": summary_of(before) if before else None,
        "changes": changes_of(held, before),
        "conversations": held,
    }


def _held(golden: dict[str, Any], record: JobRecord, unasked: Sequence[int]) -> dict[str, Any]:
    """Return the report of a conversation; of one that could not be held, why."""
    if isinstance(record.result, dict):
        faults = record.result["faults"] + [_fault(turn, "person", UNASKED) for turn in unasked]
        return {**record.result, "faults": faults, "passed": not faults}
    problem = f"{record.state}: {record.error.message if record.error else 'no reason was recorded'}"
    more = {"passed": False, "faults": [_fault(0, "job", problem)], "turns": [], "requests": 0, "cost_usd": 0.0}
    return {
        "name": golden["name"],
        "kind": golden["kind"],
        **more,
        "model": None,
        "offline": False,
        "not_judged": 0,
        "judge_cost_usd": 0.0,
    }


def _fault(turn: int, check: str, problem: str) -> dict[str, Any]:
    return {"turn": turn, "check": check, "problem": problem}


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["conversations"]
        summary_of(found)
    except (OSError, ValueError, KeyError, TypeError):
        return []  # there is none, or of another version: nothing to compare with
    return found


def _keep(path: Path, report: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
