"""`backdesk prompt`: what agents are told, and what was sent to models for a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.prompts import prompt_title, request_title, shown_request
from backdesk.client import JobClient
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.prompt import KindPrompt
from backdesk.worker.model.sent import SentRequest


def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The kind of job.")],
    *,
    job: Annotated[str | None, typer.Option(metavar="ID", help="What was sent to models for this job.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this agent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the prompts of a kind as its workers have them, or all that was sent to models for one of its jobs.

    For example:

        backdesk prompt show support.request
        backdesk prompt show support.request --agent triage
        backdesk prompt show support.request --job 4be0643f-1d98-473b-97ca-98a65347dd9c

    Of a job this prints each request in its order, as the server got it: instructions, messages, tools and settings.
    Secrets and card numbers are masked, images and files are told by their size. With --json this is one array, of
    prompts or of requests with their `body`.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        if job is None:
            _show_prompts(client, kind, agent, out)
        else:
            _show_requests(client, kind, job, agent, out)


def _show_prompts(client: JobClient, kind: str, agent: str | None, out: Output) -> None:
    announced = client.prompts(kind)
    found = [each for each in announced if agent in (None, each.agent)]
    if not found and announced:
        raise InvalidRequest("agent", f"{kind} has no agent {agent!r}; it has {_names(announced)}")
    out.document(found)
    if not found:
        out.line(f"the workers announce no prompts of {kind}: its code names no agents (agent_task(..., agents=TEAM))")
        out.line(f"What was sent for one of its jobs: backdesk prompt show {kind} --job ID", "dim")
    for number, each in enumerate(found):
        if number:
            out.line("")
        out.line(prompt_title(each), "bold")
        text = each.instructions
        out.block(text if text is not None else f"its text ({each.text}) is not kept any more")


def _show_requests(client: JobClient, kind: str, job_id: str, agent: str | None, out: Output) -> None:
    record = client.get(job_id)
    if record.kind != kind:
        raise InvalidRequest("job", f"{job_id} is a job of kind {record.kind}, not of {kind}")
    sent = client.sent(job_id)
    found = [each for each in sent if agent in (None, each.agent)]
    if not found and sent:
        raise InvalidRequest("agent", f"nothing was sent for an agent {agent!r}, only for {_names(sent)}")
    out.document(found)
    if not sent:
        out.line(f"{job_id} has sent nothing to a model")
    before: SentRequest | None = None
    for each in found:
        if before:
            out.line("")
        out.line(request_title(each), "bold")
        shown_request(each, before, out)
        before = each


def _names(each_of: list[KindPrompt] | list[SentRequest]) -> str:
    return ", ".join(dict.fromkeys(each.agent for each in each_of))


#: The commands under `backdesk prompt`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"show": show}
