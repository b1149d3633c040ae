"""`backdesk limits`: how many jobs may run and begin, and what may be asked of outside services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.limit_scopes import JobScope, read_scope, written
from backdesk.cli.options.tenants import read_whole
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.limits import show_limits
from backdesk.client import JobClient
from backdesk.client.operations.job_limits import JobLimitStatus
from backdesk.client.operations.policies import AS_DEFAULT
from backdesk.client.options import given
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.service import Limits, LimitStatus, Scope
from backdesk.worker.model.tenancy import NO_LIMIT

AnyStatus = JobLimitStatus | LimitStatus

ScopeText = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE", help="kind:K, tenant:T/kind:K, queue:Q, model:M, model:M#KEY, tenant:T/model:M, tenant:T."
    ),
]
MaxRunning = Annotated[
    str | None, typer.Option(metavar="N", help="Of jobs: how many slots they may take at once; 0 pauses them.")
]
Rate = Annotated[str | None, typer.Option(metavar="N/UNIT", help="Of jobs: how often one may begin: 60/m, 5/s.")]
Burst = Annotated[str | None, typer.Option(metavar="N", help="Of jobs: how many may begin at once after a rest.")]
Requests = Annotated[
    str | None, typer.Option("--requests-per-minute", metavar="N", help="Of a model: requests of the whole fleet.")
]
Tokens = Annotated[str | None, typer.Option("--tokens-per-minute", metavar="N", help="Of a model: tokens, in and out.")]
Concurrent = Annotated[str | None, typer.Option(metavar="N", help="Of a model: requests under way at once.")]


def list_limits(as_json: AsJson = False) -> None:
    """List the limits of jobs and of outside services, each with how it stands now.

    For example:

        backdesk limits list

    Those of whole tenants are in `backdesk tenants list`. With --json this is one array.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = _all(client)
    _print(found, out)
    if not found:
        out.line("no limits; set one with: backdesk limits set kind:orders.audit --max-running 5")


def show(scope: ScopeText, as_json: AsJson = False) -> None:
    """Show the limits of a scope, and how they stand now.

    For example:

        backdesk limits show model:openai/gpt-4o

    """
    out = Output(as_json=as_json)
    wanted = read_scope(scope)
    with connected() as client:
        status = _find(client, wanted)
    if status is None:
        raise _unset(wanted)
    out.document(_document(status))
    show_limits([status], out)


def set_limits(
    scope: ScopeText,
    *,
    max_running: MaxRunning = None,
    rate: Rate = None,
    burst: Burst = None,
    requests_per_minute: Requests = None,
    tokens_per_minute: Tokens = None,
    concurrent: Concurrent = None,
    as_json: AsJson = False,
) -> None:
    """Limit jobs or an outside service, from now on and for jobs that wait already. Only what is given changes.

    For example:

        backdesk limits set kind:orders.audit --max-running 5
        backdesk limits set "tenant:*/kind:orders.audit" --rate 10/m --burst 3
        backdesk limits set queue:agents --rate 50/s
        backdesk limits set model:openai/gpt-4o --requests-per-minute 500 --tokens-per-minute 30000
        backdesk limits set tenant:acme/model:openai/gpt-4o --concurrent 2

    `tenant:*` is each tenant by itself. `model:NAME#KEY` is one key of a model, by its fingerprint. A value of
    `default` takes that limit away; `none` says that there is none, where each tenant has one.

    """
    out = Output(as_json=as_json)
    wanted = read_scope(scope)
    of_jobs = given(max_running=read_whole(max_running), rate=rate, burst=read_whole(burst))
    of_service = given(
        requests_per_minute=read_whole(requests_per_minute),
        tokens_per_minute=read_whole(tokens_per_minute),
        concurrent=read_whole(concurrent),
    )
    _check_fitting(wanted, of_jobs, of_service)
    with connected() as client:
        if isinstance(wanted, JobScope):
            client.limits.jobs.set(**wanted.names, **of_jobs)
        else:
            _set_service(client, wanted, of_service)
        status = _find(client, wanted)
    out.document(None if status is None else _document(status))
    out.line(f"set {scope}" if status else f"no limits are left for {scope}")
    show_limits([status] if status else [], out)


def remove(scope: ScopeText, as_json: AsJson = False) -> None:
    """Remove the limits of a scope; jobs that they held go on.

    For example:

        backdesk limits remove kind:orders.audit

    """
    out = Output(as_json=as_json)
    wanted = read_scope(scope)
    with connected() as client:
        removed = (
            client.limits.jobs.remove(**wanted.names)
            if isinstance(wanted, JobScope)
            else client.limits.services.remove(str(wanted))
        )
    if not removed:
        raise _unset(wanted)
    out.document({"removed": written(str(wanted))})
    out.line(f"removed the limits of {written(str(wanted))}")


def _check_fitting(scope: JobScope | Scope, of_jobs: dict[str, Any], of_service: dict[str, Any]) -> None:
    """Refuse options that say nothing about such a scope."""
    if isinstance(scope, Scope) and not scope.resource and of_jobs:
        option = next(iter(of_jobs))
        advice = f"backdesk tenants set {scope.tenant if scope.tenant != '*' else '--default'}"
        raise InvalidRequest(option, f"for all jobs of a tenant it is set with: {advice}")
    wrong = of_service if isinstance(scope, JobScope) else of_jobs
    if wrong:
        what = "a model" if isinstance(scope, JobScope) else "jobs"
        raise InvalidRequest(next(iter(wrong)), f"is about {what}, and {written(str(scope))} is not")
    if not (of_jobs or of_service):
        options = "--max-running, --rate or --burst"
        if isinstance(scope, Scope):
            options = "--requests-per-minute, --tokens-per-minute or --concurrent"
        raise InvalidRequest("limits", f"give at least one of {options}")


def _set_service(client: JobClient, scope: Scope, changes: dict[str, Any]) -> None:
    known = next((each.limits for each in client.limits.services.list() if each.scope == str(scope)), None)
    before = known.model_dump() if known else {}
    after = {name: value for name, value in (before | changes).items() if value not in (None, AS_DEFAULT, NO_LIMIT)}
    if not after:
        raise InvalidRequest(
            "limits", f"none would be left; remove them with: backdesk limits remove {written(str(scope))}"
        )
    Limits.checked(**after)
    client.limits.services.set(str(scope), **after)


def _all(client: JobClient) -> list[AnyStatus]:
    return [*client.limits.jobs.list(), *client.limits.services.list()]


def _find(client: JobClient, scope: JobScope | Scope) -> AnyStatus | None:
    found: Sequence[AnyStatus] = (
        client.limits.jobs.list() if isinstance(scope, JobScope) else client.limits.services.list()
    )
    return next((each for each in found if each.scope == str(scope)), None)


def _unset(scope: JobScope | Scope) -> CommandFailed:
    return CommandFailed("not_set", f"no limits are set for {written(str(scope))}", ExitCode.REFUSED)


def _document(status: AnyStatus) -> dict[str, Any]:
    about = "jobs" if isinstance(status, JobLimitStatus) else "service"
    return {"about": about} | status.model_dump(mode="json") | {"scope": written(status.scope)}


def _print(found: Sequence[AnyStatus], out: Output) -> None:
    out.document([_document(each) for each in found])
    show_limits(found, out)


#: The commands under `backdesk limits`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"list": list_limits, "show": show, "set": set_limits, "remove": remove}
