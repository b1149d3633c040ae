"""`backdesk worker` and `backdesk flower`: become one process of Celery, with the options that this system needs."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed
from backdesk.cli.output import AsJson, Output
from backdesk.cli.run.celery_processes import AGENT_SLOTS, environment, flower_command, require, worker_command
from backdesk.client.deployment import Deployment, find_deployment
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.store.connection import translated

FLOWER_PORT = 5555
_PROTECTION = ("--basic-auth", "--auth", "--auth-provider")


def worker(
    queue: Annotated[
        str | None,
        typer.Argument(metavar="[QUEUE]", help="agents, tools, ...; all of them if left out.", show_default=False),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"Jobs at once; {AGENT_SLOTS}, for tools one per processor."),
    ] = None,
    log_level: Annotated[str, typer.Option(metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The worker's name on this host; the queue and process id by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a worker until it is stopped. SIGTERM and Ctrl-C hand its jobs over first.

    For example:

        backdesk worker agents --concurrency 500
        backdesk worker tools

    Tools run in processes of their own, everything else on one event loop, or in threads where a body is no coroutine.
    Run one worker for each queue, so that computing tools do not hold up agents.
    With --json the worker logs JSON, one object a line, on standard error.

    """
    deployment = find_deployment()
    known = deployment.settings.queues
    if queue is not None and queue not in known:
        raise InvalidRequest("queue", f"unknown queue {queue!r}; the queues are {', '.join(known)}")
    if log_level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise InvalidRequest("log_level", f"{log_level!r} must be DEBUG, INFO, WARNING or ERROR")
    require("celery", "worker")
    command = worker_command(
        [queue] if queue else known, concurrency, name or f"{queue or 'all'}-{os.getpid()}", log_level.upper()
    )
    _note_if_unreachable(deployment, Output(as_json=as_json))
    if as_json:
        # Celery greets with a drawing on standard output, which is promised to be JSON or nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _become(command, environment(deployment, {"BACKDESK_LOG_FORMAT": "json"} if as_json else None))


def flower(
    extra: Annotated[
        list[str] | None, typer.Argument(metavar="[-- FLOWER_OPTIONS]", help="More options of Flower.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, metavar="PORT", help="Port to listen on.")] = FLOWER_PORT,
    address: Annotated[str, typer.Option(metavar="IP", help="Address to listen on.")] = "127.0.0.1",
    as_json: AsJson = False,
) -> None:
    """Run Flower, the monitor of Celery's workers and tasks, until it is stopped.

    For example:

        backdesk flower --port 5556
        FLOWER_BASIC_AUTH=me:secret backdesk flower --address 0.0.0.0 -- --url-prefix=flower

    With --json only errors before Flower starts are JSON: its log has a format of its own.

    """
    require("flower", "flower")
    out = Output(as_json=as_json)
    deployment = find_deployment()
    options = list(extra or ())
    if not _is_loopback(address) and not _is_protected(options):
        out.note(
            f"Warning: whoever reaches {address}:{port} can see and stop tasks, without a password."
            " Set FLOWER_BASIC_AUTH=user:password.",
            "yellow",
        )
    _note_if_unreachable(deployment, out)
    _become(flower_command(address, port, options), environment(deployment))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _is_protected(options: list[str]) -> bool:
    given = {option.partition("=")[0].replace("_", "-") for option in options}
    return bool(given.intersection(_PROTECTION)) or any(
        os.environ.get(f"FLOWER{name[1:].replace('-', '_').upper()}") for name in _PROTECTION
    )


def _note_if_unreachable(deployment: Deployment, out: Output) -> None:
    """Say so when Redis does not answer. It is no reason to end: Redis may start after those who need it."""
    try:
        with connected(deployment) as client, translated():
            client.redis.ping()
    except CommandFailed as error:
        out.note(f"Warning: {error}. Trying on.", "yellow")


def _become(command: list[str], env: dict[str, str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, env)  # noqa: S606 - our own interpreter, no shell
