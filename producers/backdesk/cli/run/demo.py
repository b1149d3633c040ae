"""`backdesk demo`: one job from question to answer, with everything it needs started and stopped again."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.moments import shown_span
from backdesk.cli.output import AsJson, Output, facts
from backdesk.cli.run.celery_processes import environment, require, worker_command
from backdesk.cli.run.child import Child
from backdesk.cli.run.stop_signals import stop_interrupts, uninterrupted
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.following import follow, subscribed
from backdesk.cli.views.measures import measures_text
from backdesk.cli.views.record import end_of, usage_text
from backdesk.client import JobClient
from backdesk.client.deployment import Deployment, find_deployment, shown_url
from backdesk.client.operations.jobs import new_job_id
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.settings import load_settings

KIND = "support.request"
MESSAGE = "Hello, I want to return order 10003 and get my money back."
READY_WITHIN_S = 60.0
SLOTS = 4


def demo(
    message: Annotated[str, typer.Argument(metavar="[MESSAGE]", help="What the customer writes.")] = MESSAGE,
    as_json: AsJson = False,
) -> None:
    """Run one job from question to answer, and watch it: a customer writes, agents answer.

    For example:

        backdesk demo "Where is my order 10001?"

    Without BACKDESK_REDIS_URL a private Redis and a fresh sample shop are started for it. Whatever it starts is
    stopped at the end. With --json only the job's record is printed.

    """
    require("celery", "worker")
    out = Output(as_json=as_json)
    started = time.monotonic()
    with stop_interrupts(), _stage(out) as (deployment, worker), connected(deployment) as client:
        worker.start()
        with out.waiting(f"Starting a worker on {_place(deployment)}"):
            _wait_for(client, worker)
        out.line(f"Ready after {shown_span(time.monotonic() - started)}.", "dim")
        record = _run(client, worker, message, out)
        out.document(record)
        _conclude(record, out)


@contextmanager
def _stage(out: Output) -> Iterator[tuple[Deployment, Child]]:
    """Yield a Redis to use and a worker to start; both are gone afterwards, with all their data if they are ours."""
    with (
        tempfile.TemporaryDirectory(prefix="backdesk-demo-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        private = load_settings().redis_url is None
        if private:
            redis = stack.enter_context(_stopped_in_peace(EmbeddedRedis()))
            settings = load_settings(redis_url=redis.url, queues=("agents", "tools"), prefix="backdesk")
            deployment = Deployment(settings, "started for the demo")
        else:
            deployment = find_deployment()
        env = environment(deployment, _private_shop(folder) if private else None)
        command = worker_command(["agents"], SLOTS, _worker_name(), "INFO")
        worker = Child("worker", command, Path(folder) / "worker.log", env, folder_to_remove=folder)
        try:
            yield deployment, worker
        except BaseException:
            with uninterrupted():
                if private:
                    worker.kill()  # nothing that it is doing will be needed
                worker.stop()
            raise
        with uninterrupted():
            worker.stop()


@contextmanager
def _stopped_in_peace(redis: EmbeddedRedis) -> Iterator[EmbeddedRedis]:
    redis.start()
    try:
        yield redis
    finally:
        with uninterrupted():
            redis.stop()


def _private_shop(folder: str) -> dict[str, str]:
    """Settings that keep the demo apart from whatever else is configured here, but for the model."""
    return {
        "BACKDESK_DATA_DIR": folder,
        "BACKDESK_DATABASE_URL": f"sqlite:///{folder}/shop.sqlite3",
        "BACKDESK_TASK_MODULES": "backdesk.kinds.support.kind",
        "BACKDESK_QUEUES": "agents,tools",
        "BACKDESK_PREFIX": "backdesk",
    }


def _place(deployment: Deployment) -> str:
    return f"the Redis {shown_url(deployment.url)}, {deployment.origin}"


def _worker_name() -> str:
    return f"demo-{os.getpid()}"


def _wait_for(client: JobClient, worker: Child) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while not _is_ready(client):
        _check(worker)()
        if time.monotonic() > end:
            late = f"the worker was not ready within {READY_WITHIN_S:g} s; its log ends with:"
            raise CommandFailed("not_ready", late, ExitCode.FAILED, worker.tail())
        time.sleep(0.1)


def _is_ready(client: JobClient) -> bool:
    alive = any(announced.name.startswith(f"{_worker_name()}@") for announced in client.workers())
    return alive and any(contract.kind == KIND for contract in client.kinds())


def _check(worker: Child) -> Callable[[], None]:
    def check() -> None:
        if not worker.running:
            sentence = f"the worker {worker.ending}; its log ends with:"
            raise CommandFailed("worker_died", sentence, ExitCode.FAILED, worker.tail())

    return check


def _run(client: JobClient, worker: Child, message: str, out: Output) -> JobRecord:
    job_id = new_job_id()
    with subscribed(client, job_id) as events:  # subscribed first, so that not even the first event is missed
        client.submit(KIND, {"message": message}, job_id=job_id)
        out.line("")
        out.line(f"Customer: {safe_line(message)}", "bold")
        out.line(f"Job {job_id}", "dim")
        out.line("")
        follow(events, None if out.as_json else out, _check(worker))
    return client.get(job_id)


def _conclude(record: JobRecord, out: Output) -> None:
    if record.state is not JobState.SUCCEEDED:
        raise typer.Exit(end_of(record, out))
    result = record.result
    out.line("")
    out.line("Question back" if result.get("clarifying") else "Answer", "bold green")
    out.block(str(result.get("answer", "")))
    out.line("")
    out.show(facts(_facts(record, result)))
    if result.get("offline"):
        out.line("")
        out.line("The offline model answered: it follows rules and asks no AI. For a real model, set", "yellow")
        out.line("  OPENAI_API_KEY=...   or   OPENAI_BASE_URL=http://127.0.0.1:11434/v1", "yellow")
        out.line("  BACKDESK_MODEL=...   its name, gpt-4o-mini by default", "yellow")
    out.line("")
    out.line("Next: `backdesk up` keeps everything running; `backdesk --help` lists the commands.", "dim")


def _facts(record: JobRecord, result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Agent", safe_line(" → ".join(map(str, result.get("path", []))) or result.get("agent", ""))
    for action in result.get("actions", []) or [{}]:
        yield "Action", safe_line(_action(action))
    yield "Model", safe_line(result.get("model", ""))
    yield "Usage", usage_text(record)
    if record.usage and record.usage.measures:
        yield "Measured", measures_text(record.usage.measures)
    if record.finished_at:
        yield "Time", shown_span((record.finished_at - record.created_at).total_seconds())


def _action(action: dict[str, Any]) -> str:
    match action:
        case {
            "type": "refund",
            "refund_id": refund,
            "order_number": order,
            "amount_cents": cents,
            "currency": currency,
        }:
            return f"refund {refund}: {cents / 100:.2f} {currency} for order {order}"
        case {"type": "ticket", "ticket_id": ticket, "priority": priority, "subject": subject}:
            return f"ticket {ticket}, priority {priority}: {subject}"
    return ", ".join(f"{name}: {value}" for name, value in action.items()) or "none"
