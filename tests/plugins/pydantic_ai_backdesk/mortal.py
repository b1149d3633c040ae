"""A kind of an agent whose worker kills itself as soon as it has written into the job's ledger what none has before."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pydantic_ai import Agent

from backdesk.worker.attempt.ledger import Ledger
from pydantic_ai_backdesk import agent_job
from tests.plugins.pydantic_ai_backdesk.support import IDEMPOTENT, Script, call

#: Names the file in which each call is noted, and each write.
NOTED = "MORTAL_NOTED"

_write = Ledger._write


def _note(what: str) -> None:
    with Path(os.environ[NOTED]).open("a") as noted:
        noted.write(f"{what}\n")


def _last_words(self: Ledger, name: str, entry: bytes, event: bytes) -> Future[Any]:
    written = _write(self, name, entry, event)
    line = f"write:{name}:{b'started' in entry}"
    if line not in Path(os.environ[NOTED]).read_text().split():
        _note(line)
        written.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    return written


class NotedScript(Script):
    def _next(self, messages: list[Any]) -> Any:
        line = super()._next(messages)
        _note("request")
        return line


clerk = Agent(NotedScript((call("look", "c1"), call("pay", "c2")), "done").model, name="clerk")


@clerk.tool_plain(metadata=IDEMPOTENT)
def look() -> str:
    _note("look")
    return "a kettle"


@clerk.tool_plain
def pay() -> str:
    _note("pay")
    return "paid"


agent_job(clerk, kind="plugin.mortal")
if NOTED in os.environ:
    Ledger._write = _last_words  # type: ignore[method-assign]  # what the test is about
