"""The commands under one name, and what becomes of their errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from backdesk.cli.commands import (
    blobs,
    breakers,
    conversations,
    dead,
    desk,
    keys,
    knowledge,
    limits,
    maintenance,
    new,
    prompts,
    schedules,
    tenants,
    webhooks,
)
from backdesk.cli.commands.answers import answer, approve, deny, resolve
from backdesk.cli.commands.asks import asks
from backdesk.cli.commands.attachment import attachment
from backdesk.cli.commands.audit import audit
from backdesk.cli.commands.cancel import cancel
from backdesk.cli.commands.chat import chat
from backdesk.cli.commands.connect import connect
from backdesk.cli.commands.console import console
from backdesk.cli.commands.doctor import doctor
from backdesk.cli.commands.erase import erase_customer
from backdesk.cli.commands.examinations import installed_version
from backdesk.cli.commands.forget import forget
from backdesk.cli.commands.health import health, workers
from backdesk.cli.commands.jobs import list_jobs, show, watch
from backdesk.cli.commands.kinds import kinds
from backdesk.cli.commands.pauses import pause, resume
from backdesk.cli.commands.reviews import reviews
from backdesk.cli.commands.rewind import rewind
from backdesk.cli.commands.series import series
from backdesk.cli.commands.stats import stats
from backdesk.cli.commands.submit import SubmitCommand, submit
from backdesk.cli.commands.top import top
from backdesk.cli.errors import ExitCode, report_on
from backdesk.cli.help_text import help_text
from backdesk.cli.output import AsJson, Output
from backdesk.cli.run.demo import demo
from backdesk.cli.run.evals import evaluate
from backdesk.cli.run.gateway import gateway
from backdesk.cli.run.processes import flower, worker
from backdesk.cli.run.up import up
from backdesk.worker.errors import BackdeskError

EPILOG = """Exit codes: 0 success; 1 the job failed, was cancelled or expired, or something could not be started or is
broken; 2 bad usage or a refused request; 3 no connection to Redis; 4 timed out while waiting; 130 stopped by Ctrl-C.

Redis is the one of BACKDESK_REDIS_URL, else that of the `backdesk up` running in this folder, else
redis://127.0.0.1:6379/0.
"""

#: Fields of a request are options that only the kind knows.
ANY_OPTION = {"ignore_unknown_options": True, "allow_extra_args": True}

RUN, JOBS, DECIDE, FLOW, LOOK, WRITE = (
    "Run it",
    "Submit and follow jobs",
    "Decide",
    "Share and limit",
    "Look at the deployment",
    "Write your own",
)

app = typer.Typer(
    name="backdesk",
    epilog=help_text(EPILOG),
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for panel, functions in (
    (RUN, (demo, up, worker, gateway, console, connect, flower)),
    (JOBS, (submit, chat, watch, show, list_jobs, cancel, rewind, forget, attachment)),
    (DECIDE, (asks, approve, deny, answer, resolve)),
    (FLOW, (pause, resume)),
    (LOOK, (top, stats, series, reviews, kinds, workers, health, doctor, audit, erase_customer)),
    (WRITE, (evaluate,)),
):
    for function in functions:
        name = {list_jobs: "list", evaluate: "eval"}.get(function, function.__name__.replace("_", "-"))
        takes_fields = function in {submit, chat}
        command_class, context = (SubmitCommand, ANY_OPTION) if takes_fields else (None, None)
        app.command(
            name, cls=command_class, help=help_text(function.__doc__), rich_help_panel=panel, context_settings=context
        )(function)

dead_letters = typer.Typer(no_args_is_help=False)
for title, command in dead.COMMANDS.items():
    dead_letters.command(title, help=help_text(command.__doc__))(command)
app.add_typer(dead_letters, name="dead", rich_help_panel=DECIDE)


@dead_letters.callback(invoke_without_command=True)
def dead_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Dead letters, the jobs that failed for good: look at them, do them again, forget them.

    For example:

        backdesk dead list --since 1d
        backdesk dead show 4be0643f-1d98-473b-97ca-98a65347dd9c
        backdesk dead replay --code model_unavailable
    """
    _pass_on(context, as_json=as_json)


recurring = typer.Typer(no_args_is_help=False)
for title, command in schedules.COMMANDS.items():
    recurring.command(title, help=help_text(command.__doc__))(command)
app.add_typer(recurring, name="schedules", rich_help_panel=JOBS)


@recurring.callback(invoke_without_command=True)
def schedules_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Schedules, the jobs that are submitted again and again: by a cron expression or at an interval.

    For example:

        backdesk schedules add nightly-audit orders.audit --cron "30 3 * * *" --timezone Europe/Berlin
        backdesk schedules list
        backdesk schedules pause nightly-audit
    """
    _pass_on(context, as_json=as_json)


talking = typer.Typer(no_args_is_help=False)
for title, command in conversations.COMMANDS.items():
    talking.command(title, help=help_text(command.__doc__))(command)
app.add_typer(talking, name="conversations", rich_help_panel=JOBS)


@talking.callback(invoke_without_command=True)
def conversations_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Conversations: what customers and agents have said to each other, over all of its jobs.

    For example:

        backdesk conversations list --tenant acme
        backdesk conversations show c-17 --tenant acme
        backdesk conversations forget c-17 --tenant acme
    """
    _pass_on(context, as_json=as_json)


people = typer.Typer(no_args_is_help=False)
for title, command in desk.COMMANDS.items():
    people.command(title, help=help_text(command.__doc__))(command)
app.add_typer(people, name="desk", rich_help_panel=DECIDE)


@people.callback(invoke_without_command=True)
def desk_command(context: typer.Context, as_json: AsJson = False) -> None:
    """The service desk: what agents leave to people, and what people do with it.

    For example:

        backdesk desk list --tenant acme
        backdesk desk take E-000012 --by ada
        backdesk desk reply E-000012 "Your refund is on its way." --by ada
        backdesk desk hand-back E-000012 "The refund is agreed" --by ada
    """
    _pass_on(context, as_json=as_json)


prompting = typer.Typer(no_args_is_help=False)
for title, command in prompts.COMMANDS.items():
    prompting.command(title, help=help_text(command.__doc__))(command)
app.add_typer(prompting, name="prompt", rich_help_panel=LOOK)


@prompting.callback(invoke_without_command=True)
def prompt_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Prompts: what agents are told, and all that was sent to models for a job.

    For example:

        backdesk prompt show support.request
        backdesk prompt show support.request --job 4be0643f-1d98-473b-97ca-98a65347dd9c
    """
    _pass_on(context, as_json=as_json)


knowing = typer.Typer(no_args_is_help=False)
for title, command in knowledge.COMMANDS.items():
    knowing.command(title, help=help_text(command.__doc__))(command)
app.add_typer(knowing, name="knowledge", rich_help_panel=DECIDE)


@knowing.callback(invoke_without_command=True)
def knowledge_command(context: typer.Context, as_json: AsJson = False) -> None:
    """The knowledge base: the articles that agents answer from, and cite.

    For example:

        backdesk knowledge add manuals/ faq.html --tenant acme
        backdesk knowledge search "earphones no pairing" --tenant acme
        backdesk knowledge list --tenant acme
    """
    _pass_on(context, as_json=as_json)


sharing = typer.Typer(no_args_is_help=False)
for title, command in tenants.COMMANDS.items():
    sharing.command(title, help=help_text(command.__doc__))(command)
app.add_typer(sharing, name="tenants", rich_help_panel=FLOW)


@sharing.callback(invoke_without_command=True)
def tenants_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Tenants: their shares of the workers, limits, budgets of the day, allowed kinds and usual priority.

    For example:

        backdesk tenants set acme --weight 3 --max-running 20 --rate 60/m
        backdesk tenants set --default --max-running 50
        backdesk tenants show acme
    """
    _pass_on(context, as_json=as_json)


opening = typer.Typer(no_args_is_help=False)
for title, command in keys.COMMANDS.items():
    opening.command(title, help=help_text(command.__doc__))(command)
app.add_typer(opening, name="keys", rich_help_panel=RUN)


@opening.callback(invoke_without_command=True)
def keys_command(context: typer.Context, as_json: AsJson = False) -> None:
    """API keys, which programs bring to the gateway: what each may do, and for which tenant.

    For example:

        backdesk keys add billing --scope submit --tenant acme
        backdesk keys list
        backdesk keys rotate 0198f0c27d1e
        backdesk keys revoke 0198f0c27d1e
    """
    _pass_on(context, as_json=as_json)


telling = typer.Typer(no_args_is_help=False)
for title, command in webhooks.COMMANDS.items():
    telling.command(title, help=help_text(command.__doc__))(command)
app.add_typer(telling, name="webhooks", rich_help_panel=RUN)


@telling.callback(invoke_without_command=True)
def webhooks_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Webhooks: addresses that are told of events, such as the end of a job.

    For example:

        backdesk webhooks add https://example.com/hooks --event job.succeeded --tenant acme
        backdesk webhooks test we_3f9a0c5d1b2e4f60718293a4
        backdesk webhooks deliveries we_3f9a0c5d1b2e4f60718293a4
    """
    _pass_on(context, as_json=as_json)


limiting = typer.Typer(no_args_is_help=False)
for title, command in limits.COMMANDS.items():
    limiting.command(title, help=help_text(command.__doc__))(command)
app.add_typer(limiting, name="limits", rich_help_panel=FLOW)


@limiting.callback(invoke_without_command=True)
def limits_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Limits: how many jobs of a kind or queue may run and begin, and what may be asked of a model.

    For example:

        backdesk limits set kind:orders.audit --max-running 5
        backdesk limits set model:openai/gpt-4o --requests-per-minute 500
        backdesk limits list
    """
    _pass_on(context, as_json=as_json)


switching = typer.Typer(no_args_is_help=False)
for title, command in breakers.COMMANDS.items():
    switching.command(title, help=help_text(command.__doc__))(command)
app.add_typer(switching, name="breakers", rich_help_panel=FLOW)


@switching.callback(invoke_without_command=True)
def breakers_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Circuit breakers, which keep calls from outside services that fail. Without a command, they are listed.

    For example:

        backdesk breakers
        backdesk breakers open openai/gpt-4o --for 10m
        backdesk breakers close openai/gpt-4o
    """
    if context.invoked_subcommand is None:
        breakers.list_breakers(as_json=as_json)
    else:
        _pass_on(context, as_json=as_json)


large = typer.Typer(no_args_is_help=False)
for title, command in blobs.COMMANDS.items():
    large.command(title, help=help_text(command.__doc__))(command)
app.add_typer(large, name="blobs", rich_help_panel=LOOK)


@large.callback(invoke_without_command=True)
def blobs_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Blobs, what is too large for Redis: see how much there is, and save requests, results and files of jobs.

    For example:

        backdesk blobs show 4be0643f-1d98-473b-97ca-98a65347dd9c
        backdesk blobs get 4be0643f-1d98-473b-97ca-98a65347dd9c report.xlsx --to report.xlsx

    Without a command it lists how many bytes each tenant has.

    """
    if context.invoked_subcommand is None:
        blobs.list_blobs(as_json)


telling = typer.Typer(no_args_is_help=False)
for title, command in maintenance.COMMANDS.items():
    telling.command(title, help=help_text(command.__doc__))(command)
app.add_typer(telling, name="maintenance", rich_help_panel=LOOK)


@telling.callback(invoke_without_command=True)
def maintenance_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Maintenance: a notice for customers and operators. It informs; it does not stop work.

    For example:

        backdesk maintenance on --message "Payments are being moved. Refunds may take longer." --for 30m
        backdesk maintenance show
        backdesk maintenance off
    """
    _pass_on(context, as_json=as_json)


beginning = typer.Typer(no_args_is_help=False)
for title, command in new.COMMANDS.items():
    beginning.command(title, help=help_text(command.__doc__))(command)
app.add_typer(beginning, name="new", rich_help_panel=WRITE)


@beginning.callback(invoke_without_command=True)
def new_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Begin something of your own: a kind of job, with its test.

    For example:

        backdesk new task invoices.explain
    """
    _pass_on(context, as_json=as_json)


@app.callback(invoke_without_command=True)
def backdesk(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    as_json: AsJson = False,
) -> None:
    """backdesk: a task queue for work that AI agents do.

    Start here:

        backdesk demo        one job, from question to answer
        backdesk up          Redis, workers and Flower, until Ctrl-C
        backdesk submit support.request --message "I want to return order 10003" --customer-id cust-3 --watch
    """
    if show_version:
        out = Output(as_json=as_json)
        out.document({"version": installed_version()})
        out.line(installed_version())
        raise typer.Exit
    _pass_on(context, as_json=as_json)


def _pass_on(context: typer.Context, *, as_json: bool) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    elif as_json:
        # Said before the command it is meant for the command.
        context.default_map = {context.invoked_subcommand: {"as_json": True}}


class Diagnostics(logging.Handler):
    """Prints what the client logs for people, where nobody has set up logging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the name of an event in words, and its error."""
        reason = f": {error}" if (error := getattr(record, "error", "")) else ""
        Output(as_json=False).note(f"Warning: {record.getMessage().replace('_', ' ')}{reason}", "yellow")


def run(arguments: Sequence[str] | None) -> int:
    """Run one command line (None: that of the process) and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.lastResort = Diagnostics(logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return int(_command()(words, prog_name="backdesk", standalone_mode=False) or 0)
    except (BackdeskError, typer.TyperException) as error:
        report = report_on(error)
        Output(as_json=_wants_json(words)).failure(report)
        return report.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone: what is left goes nowhere, or the last flush of the interpreter would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED


@cache
def _command() -> Callable[..., Any]:
    """Return all commands as one; made once a process, since that takes longer than most of them run."""
    return typer.main.get_command(app)


def _wants_json(words: list[str]) -> bool:
    return "--json" in words[: words.index("--")] if "--" in words else "--json" in words
