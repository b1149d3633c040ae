"""Run one of a few programs, such as `ls` and `grep`, on the files of the job."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import Tool, tool
from backdesk.tools.command.confined import check_confined
from backdesk.tools.command.grammar import Command, CommandGrammar, Refused
from backdesk.tools.command.programs import DEFAULT, KNOWN
from backdesk.tools.isolation.files import folder_of_job, put_attachments
from backdesk.tools.isolation.launch import Ended, NotStarted
from backdesk.tools.isolation.program import Program, SandboxLimits
from backdesk.tools.isolation.sandbox import run
from backdesk.worker.errors import ConfigurationError, TaskError

#: Where programs are looked for, whatever the worker's own path is.
PLACES = "/usr/bin:/bin"
LIMITS = SandboxLimits(output_bytes=20_000)

Arguments = Annotated[
    list[str],
    Field(
        description='What would stand behind the program, each on its own: ["-rn", "error", "."]. There is no shell.'
    ),
]


class CommandOutcome(ToolOutcome):
    """How a program ended, and what it said."""

    command: list[str]
    exit_code: int
    output: str
    #: What the output goes on with and is left out here.
    more_bytes: int = 0
    #: Which limit has ended it: `time`, `cpu`, `output`, `threads`.
    stopped: str | None = None
    seconds: float
    #: How it was isolated: `bubblewrap`, `landlock` or `limits`.
    level: str

    def summary(self) -> str:
        ended = f"stopped by its limit of {self.stopped}" if self.stopped else f"exit {self.exit_code}"
        more = f", {self.more_bytes} more bytes" if self.more_bytes else ""
        return f"{ended}, {len(self.output)} characters{more} ({self.level})"


def command_tool(
    name: str = "run_command",
    *,
    programs: Sequence[str | CommandGrammar] = DEFAULT,
    attachments: bool = True,
    limits: SandboxLimits = LIMITS,
) -> Tool[..., CommandOutcome | Refusal]:
    """Return a tool by which an agent runs programs, without a shell, in a folder of the job.

    `programs` are known ones by name (`ls`, `cat`, `grep`, `echo`, `head`, `tail`, `wc`), or grammars of your own. With
    `attachments` the files of the message are in the folder. Nothing is written, nothing outside of the folder read,
    nothing reached by a network. Raises ConfigurationError for a program that is not known.
    """
    grammars = {each.name: each for each in map(_grammar, programs)}

    @tool("pure", name=name, description=_described(grammars))
    async def run_command(desk: Desk, program: str, arguments: Arguments) -> CommandOutcome | Refusal:
        if program not in grammars:
            return Refusal(refused=f"{program!r} is not run here; there are {', '.join(grammars)}.")
        folder = await folder_of_job(desk, name)
        left_out = await put_attachments(desk, folder, limits) if attachments else []
        try:
            command = grammars[program].read(arguments)
            await asyncio.to_thread(check_confined, folder.path, command.paths)
        except Refused as refused:
            return Refusal(refused=f"{refused}.")
        ended = await _run(command, folder.path, limits)
        return _outcome(command, ended, left_out)

    return run_command


async def _run(command: Command, folder: Path, limits: SandboxLimits) -> Ended:
    path = shutil.which(command.argv[0], path=PLACES)
    if path is None:
        raise ConfigurationError(f"this machine has no program {command.argv[0]!r} in {PLACES}: install it")
    try:
        return await run(Program(Path(path), command.argv, limits=limits), folder)
    except NotStarted as error:
        message = f"{command.argv[0]} could not be started in isolation: {error}"
        raise TaskError("sandbox_failed", message, transient=True) from None


def _outcome(command: Command, ended: Ended, left_out: Sequence[str]) -> CommandOutcome:
    notes = "".join(f"{note}\n" for note in left_out)
    return CommandOutcome(
        command=command.argv,
        exit_code=ended.exit_code,
        output=notes + ended.output,
        more_bytes=ended.more_bytes,
        stopped=ended.stopped,
        seconds=ended.seconds,
        level=ended.level.name,
    )


def _grammar(program: str | CommandGrammar) -> CommandGrammar:
    if isinstance(program, CommandGrammar):
        return program
    if program not in KNOWN:
        raise ConfigurationError(f"the command tool knows no program {program!r}, only {', '.join(KNOWN)}")
    return KNOWN[program]


def _described(grammars: dict[str, CommandGrammar]) -> str:
    lines = [f"{each.name}: {each.listed()}" for each in grammars.values()]
    return (
        "Run a program on the files of the customer's message, which are in the current folder. Paths are relative; "
        "there is no shell, no pipe and no wildcard. The programs, and their options:\n" + "\n".join(lines)
    )
