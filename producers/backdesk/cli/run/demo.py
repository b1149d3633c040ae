"""`backdesk demo`: a conversation from question to answer, with everything it needs started and stopped again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from backdesk.cli.options.moments import shown_span
from backdesk.cli.output import AsJson, Output, facts
from backdesk.cli.run.stage import Stage, stage
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.following import follow, subscribed
from backdesk.cli.views.measures import measures_text
from backdesk.cli.views.record import end_of, usage_text
from backdesk.client.operations.jobs import new_job_id
from backdesk.worker.model.job import JobRecord, JobState

KIND = "support.request"
MESSAGE = "Hello, I want to return order 10003 and get my money back."
#: Whose order that is: whoever submits vouches for their customer.
CUSTOMER = "cust-3"
#: What the customer says to what is proposed to them.
YES = "Yes, please."
MODULES = "backdesk.kinds.support.kind"
SLOTS = 4


def demo(
    message: Annotated[str, typer.Argument(metavar="[MESSAGE]", help="What the customer writes.")] = MESSAGE,
    customer_id: Annotated[str, typer.Option(help="Who the customer is, of those of the sample shop.")] = CUSTOMER,
    as_json: AsJson = False,
) -> None:
    """Run a conversation from question to answer, and watch it: a customer writes, agents answer.

    What the agents propose, such as a refund, the customer confirms by a second message: nothing is done before.

    For example:

        backdesk demo "Where is my order 10003?"

    Without BACKDESK_REDIS_URL a private Redis and a fresh sample shop are started for it. Whatever it starts is
    stopped at the end. With --json only the record of the last job is printed.

    """
    out = Output(as_json=as_json)
    started = time.monotonic()
    with stage(out, "demo", [KIND], MODULES, SLOTS) as here:
        out.line(f"Ready after {shown_span(time.monotonic() - started)}.", "dim")
        record = _run(here, {"message": message, "customer_id": customer_id}, out)
        if proposed := _proposed(record):
            _show_answer(record.result, out)
            out.line(f"Proposed as {safe_line(proposed)}: nothing is done yet.", "dim")
            talk = {"customer_id": customer_id, "conversation_id": record.result["conversation_id"]}
            record = _run(here, {"message": YES, **talk}, out)
        out.document(record)
        _conclude(record, out)


def _proposed(record: JobRecord) -> str | None:
    proposal = record.result.get("proposal") if record.state is JobState.SUCCEEDED else None
    return str(proposal["number"]) if proposal else None


def _run(here: Stage, request: dict[str, str], out: Output) -> JobRecord:
    job_id, message = new_job_id(), request["message"]
    with subscribed(here.client, job_id) as events:  # subscribed first, so that not even the first event is missed
        here.client.submit(KIND, request, job_id=job_id)
        out.line("")
        out.line(f"Customer: {safe_line(message)}", "bold")
        out.line(f"Job {job_id}", "dim")
        out.line("")
        follow(events, None if out.as_json else out, here.check)
    return here.client.get(job_id)


def _conclude(record: JobRecord, out: Output) -> None:
    if record.state is not JobState.SUCCEEDED:
        raise typer.Exit(end_of(record, out))
    result = record.result
    _show_answer(result, out)
    out.line("")
    out.show(facts(_facts(record, result)))
    if result.get("offline"):
        out.line("")
        out.line("The offline model answered: it follows rules and asks no AI. For a real model, set", "yellow")
        out.line("  OPENAI_API_KEY=...   or   OPENAI_BASE_URL=http://127.0.0.1:11434/v1", "yellow")
        out.line("  BACKDESK_MODEL=...   its name, gpt-4o-mini by default", "yellow")
    out.line("")
    out.line("Next: `backdesk up` keeps everything running; `backdesk --help` lists the commands.", "dim")


def _show_answer(result: dict[str, Any], out: Output) -> None:
    out.line("")
    out.line("Question back" if result.get("clarifying") else "Answer", "bold green")
    out.block(str(result.get("answer", "")))


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
