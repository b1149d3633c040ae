"""`backdesk up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import http.client
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from dotenv import dotenv_values

from backdesk.cli.catalogue import offers
from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.neighbours import find_neighbours
from backdesk.cli.output import AsJson, Output, facts
from backdesk.cli.run.celery_processes import (
    AGENT_SLOTS,
    environment,
    flower_command,
    require,
    tool_slots,
    worker_command,
)
from backdesk.cli.run.child import GRACE_S, Child
from backdesk.cli.run.folder_claim import claimed
from backdesk.cli.run.log_lines import shown_lines
from backdesk.cli.run.processes import FLOWER_PORT
from backdesk.cli.run.redis_process import RedisProcess
from backdesk.cli.run.stop_signals import stop_requests
from backdesk.cli.run.supervisor import Part, Supervisor
from backdesk.client import JobClient
from backdesk.client.deployment import Deployment, shown_url
from backdesk.worker.memory.webhook_secrets import make_key
from backdesk.worker.settings import Settings, load_settings
from backdesk.worker.store.keys import Keys

READY_WITHIN_S = 60.0
GATEWAY_PORT = 8000
#: Ports that are tried for a service from the wished one on.
_PORTS_TRIED = 50
#: Workers are stopped while everything else still runs, Redis last.
REDIS, SERVICES, WORKERS = range(3)


@dataclass(frozen=True, slots=True)
class Service:
    """What answers over HTTP on this machine: `path` does, by 200, once it is ready."""

    name: str
    port: int
    path: str
    command: list[str]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Return whether it is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def up(
    *,
    agents: Annotated[int, typer.Option(min=1, metavar="N", help="Agents' jobs at once.")] = AGENT_SLOTS,
    tools: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tools' jobs at once; one per processor by default.")
    ] = None,
    redis_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, metavar="PORT", help="Port of Redis; that of last time, or a free one."),
    ] = None,
    flower: Annotated[bool, typer.Option(help="Run Flower, if it is installed.")] = True,
    flower_port: Annotated[
        int, typer.Option(min=1, max=65_535, metavar="PORT", help="Port of Flower, or the next that is free.")
    ] = FLOWER_PORT,
    gateway: Annotated[bool, typer.Option(help="Serve jobs over HTTP, if that is installed.")] = True,
    gateway_port: Annotated[
        int, typer.Option(min=1, max=65_535, metavar="PORT", help="Port of the gateway, or the next that is free.")
    ] = GATEWAY_PORT,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the logs as they are written.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run Redis, a worker for each queue, the gateway and Flower on this machine, until Ctrl-C.

    For example:

        backdesk up --agents 500 --no-flower

    Jobs are kept in the folder .backdesk (BACKDESK_DATA_DIR) and are there again the next time. Other commands in this
    folder find this Redis by themselves. With BACKDESK_REDIS_URL that Redis is used and none is started. Ctrl-C lets
    running jobs end for some seconds; a second one does not. With --json: an object when all is ready, one for each
    part that dies, and one at the end.

    """
    require("celery", "worker")
    out = Output(as_json=as_json)
    settings = load_settings()
    slots = {"agents": agents, "tools": tools or tool_slots()}
    with claimed(settings.data_dir) as claim, stop_requests() as asked, ExitStack() as stack:
        supervisor = Supervisor(asked, _reporter(out))
        stack.callback(_stop, supervisor, out)
        deployment = _redis(supervisor, settings, redis_port or _port_of(claim.last_url))
        claim.write(shown_url(deployment.url))
        make_key(settings.data_dir)
        client = stack.enter_context(connected(deployment))
        client.counts()
        wished = {"gateway": gateway_port if gateway else None, "flower": flower_port if flower else None}
        services = [*_services(wished)]
        fleet = _fleet(deployment, slots, services)
        if verbose:
            logs = {part.name: part.log for part in fleet}
            stack.enter_context(shown_lines(logs, lambda line: out.note(line, "dim")))
        _start(supervisor, fleet, client, services, out)
        if not asked:
            _tell(deployment, supervisor, services, client, out)
        supervisor.run()


def _redis(supervisor: Supervisor, settings: Settings, port: int | None) -> Deployment:
    if settings.redis_url:
        return Deployment(settings, "from BACKDESK_REDIS_URL")
    redis = RedisProcess(settings.data_dir, port)
    supervisor.add(redis, REDIS)
    return Deployment(settings.model_copy(update={"redis_url": redis.url}), "of `backdesk up` in this folder")


def _services(wished: Mapping[str, int | None]) -> Iterator[Service]:
    """Yield what answers over HTTP, as far as it is wished for and installed, each on a port of its own."""
    taken = set[int]()
    for name, module, path in (("gateway", "fastapi", "/readyz"), ("flower", "flower", "/healthcheck")):
        first = wished[name]
        if first is not None and importlib.util.find_spec(module):
            port = _free_port(name, first, taken)
            taken.add(port)
            yield Service(name, port, path, _command(name, port))


def _command(name: str, port: int) -> list[str]:
    if name == "flower":
        return flower_command("127.0.0.1", port, ["--read_only"])
    return [sys.executable, "-m", "backdesk.cli", name, f"--port={port}"]


def _fleet(deployment: Deployment, slots: dict[str, int], services: Sequence[Service]) -> list[Child]:
    # Flower's API answers on this machine only, and changes nothing: it could stop workers and start any task.
    settings, env = deployment.settings, environment(deployment, {"FLOWER_UNAUTHENTICATED_API": "true", **_samples()})
    commands = {
        queue: worker_command([queue], slots.get(queue), _worker_name(queue), settings.log_level)
        for queue in settings.queues
    }
    commands = {**{service.name: service.command for service in services}, **commands}
    logs = settings.data_dir / "logs"
    # A worker first hands over what it runs.
    grace_s = settings.drain_grace_s + GRACE_S
    return [
        Child(name, command, _fresh(logs / f"{name}.log"), env, grace_s=grace_s) for name, command in commands.items()
    ]


def _samples() -> dict[str, str]:
    """Have the sample shop put in, unless that was decided, or a database was named: that may be a real shop's."""
    known = {**dotenv_values(".env"), **os.environ}
    decided = known.get("BACKDESK_SAMPLES") or known.get("BACKDESK_DATABASE_URL")
    return {} if decided else {"BACKDESK_SAMPLES": "1"}


def _start(
    supervisor: Supervisor, fleet: list[Child], client: JobClient, services: Sequence[Service], out: Output
) -> None:
    answering = {service.name: service.answers for service in services}
    for child in fleet:
        if child.name in answering:
            supervisor.add(child, SERVICES, answering[child.name])
        else:
            supervisor.add(child, WORKERS, _is_announced(client, f"{_worker_name(child.name)}@"))
    names = ", ".join(post.part.name for post in supervisor.posts)
    with out.waiting(f"Starting {names}"):
        supervisor.wait_until_ready(READY_WITHIN_S)


def _stop(supervisor: Supervisor, out: Output) -> None:
    with out.waiting("Stopping"):
        supervisor.stop()
    out.document({"event": "stopped"})
    out.line("Stopped.")


def _worker_name(queue: str) -> str:
    return f"{queue}-{os.getpid()}"


def _is_announced(client: JobClient, name: str) -> Callable[[], bool]:
    return lambda: any(worker.name.startswith(name) for worker in client.workers())


def _free_port(name: str, wished: int, taken: Collection[int]) -> int:
    for port in range(wished, min(wished + _PORTS_TRIED, 65_536)):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    sentence = f"no port from {wished} on is free for the {name}: choose another with --{name}-port"
    raise CommandFailed("no_port", sentence, ExitCode.FAILED)


def _port_of(url: str) -> int | None:
    return urlsplit(url).port if url else None


def _fresh(log: Path) -> Path:
    """Set the log of the last run aside."""
    if log.exists():
        log.replace(log.with_suffix(".log.old"))
    return log


def _reporter(out: Output) -> Callable[[Part, str, str], None]:
    def report(part: Part, sentence: str, tail: str) -> None:
        out.document({"event": "died", "part": part.name, "message": sentence, "log": tail.splitlines()})
        out.note(f"{sentence}. The end of {part.log}:", "yellow")
        for line in tail.splitlines():
            out.note(f"  {line}", "dim")

    return report


def _tell(
    deployment: Deployment, supervisor: Supervisor, services: Sequence[Service], client: JobClient, out: Output
) -> None:
    logs = {post.part.name: str(post.part.log) for post in supervisor.posts}
    urls = {service.name: service.url for service in services}
    keys = Keys(deployment.settings.prefix)
    neighbours = list(find_neighbours(client.redis, deployment.settings).texts)
    ready: dict[str, Any] = {
        "event": "ready",
        "redis_url": shown_url(deployment.url),
        "gateway_url": urls.get("gateway"),
        "flower_url": urls.get("flower"),
        "channel": keys.progress("JOB_ID"),
        "logs": logs,
        "neighbours": neighbours,
    }
    out.document(ready)
    out.line("Everything is ready.", "bold green")
    out.show(facts(_facts(ready)))
    if neighbours:
        out.note(f"On this database are {'; '.join(neighbours)}. `backdesk doctor` says what to do.", "yellow")
    out.line("")
    out.line("In another terminal, in this folder:")
    for example in examples({offer.contract.kind for offer in offers(client) if offer.workers}):
        out.line(f"  {example}", "cyan")
    if "from" in deployment.origin:
        out.line("with the same BACKDESK_REDIS_URL as here.")
    out.line("Ctrl-C stops everything.", "dim")


_OF_SAMPLES = {
    "support.request": 'backdesk submit support.request --message "I return order 10003" --customer-id cust-3 --watch',
    "orders.audit": "backdesk submit orders.audit --wait",
}


def examples(kinds: set[str]) -> Iterator[str]:
    """Give commands that work where workers run these kinds, to be tried first."""
    yield from (command for kind, command in _OF_SAMPLES.items() if kind in kinds)
    yield from ("backdesk kinds", "backdesk list", "backdesk doctor")


def _facts(ready: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Redis", ready["redis_url"]
    yield "Gateway", ready["gateway_url"] or "not running"
    yield "Flower", ready["flower_url"] or "not running"
    yield "Progress of a job", f"channel {ready['channel']}"
    for name, path in ready["logs"].items():
        yield f"Log of {name}", path
