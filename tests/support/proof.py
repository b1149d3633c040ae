"""What each kind that agents answer has to prove: that it comes to its answer, whatever its model does on the way.

A kind registers by a module `proof` among its tests with a constant `PROOF`; what is injected, and where, is the same
for all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from backdesk.agents.contract import AgentRequest
from backdesk.agents.failures import ModelFailure
from backdesk.platform.database import Database
from backdesk.worker.attempt.registry import REGISTRY
from tests.support.memory import Memory
from tests.support.openai_simulator import Calls, CutStream, Fault, Received, Reply, Text, call
from tests.support.recording import Recording
from tests.support.workers import ROOT

#: More than a script has replies: each of them may cost an attempt.
MOST_ATTEMPTS = 40


@dataclass(frozen=True)
class Talk:
    """One message, what the model replies on the way to the answer, and what must hold then.

    `holds` asserts on the result and the database, above all that what the tools have done is done exactly once.
    Talks of one proof must not get into each other's way: they have other messages, and change other rows.
    """

    request: AgentRequest
    script: tuple[Reply, ...]
    holds: Callable[[Any, Database], None]
    #: Makes the database ready for the talk.
    given: Callable[[Database], None] = lambda _shop: None


@dataclass(frozen=True)
class Proof:
    """Two talks with a kind; its module must be imported, so that the kind is registered."""

    kind: str
    talks: tuple[Talk, Talk]


def proofs() -> list[Proof]:
    """Return what the kinds have registered."""
    names = sorted(path.parent.name for path in (ROOT / "tests" / "kinds").glob("*/proof.py"))
    return [import_module(f"tests.kinds.{name}.proof").PROOF for name in names]


class Scripts:
    """The rule of a simulator that serves several talks at once: each has its own script, known by its message."""

    def __init__(self, talks: tuple[Talk, ...]) -> None:
        self._scripts = {talk.request.message: deque(talk.script) for talk in talks}

    def __call__(self, request: Received) -> Reply:
        mine = [script for message, script in self._scripts.items() if message in request.texts("user")]
        assert len(mine) == 1, "whose request is this?"
        return mine[0].popleft() if mine[0] else Fault.error(400, "script_exhausted")


async def carry_through(proof: Proof, talk: Talk, job_id: str = "job-1", *, streamed: bool = False) -> Any:
    """Attempt a job until it is answered, as the engine does: again after failures that pass, else never."""
    memory = Memory(job_id, kind=proof.kind)
    memory.sink = Recording(watched=streamed)
    for _ in range(MOST_ATTEMPTS):
        try:
            result = await memory.attempt(REGISTRY[proof.kind].body, talk.request)
        except ModelFailure as failure:
            if not failure.transient:
                raise
            continue
        assert result is not None, "the job waits or leaves, which nothing here asks of it"
        assert not streamed or "".join(memory.sink.tokens).endswith(result.answer), "the answer was not streamed"
        assert len(memory.keys) == len(set(memory.keys)), "a step was repeated"
        return result
    raise AssertionError("the job does not come to an end")


async def carry_through_at_once(proof: Proof) -> list[Any]:
    """Have both talks at the same time on one loop."""
    jobs = (carry_through(proof, talk, f"job-{turn}") for turn, talk in enumerate(proof.talks, 1))
    return await asyncio.gather(*jobs)


# --- what goes wrong ---


def _garbled(reply: Reply) -> tuple[Reply, ...]:
    if not isinstance(reply, Calls):
        return ()  # a text has no arguments
    return tuple(Calls(tuple((name, wrong) for name, _ in reply.calls)) for wrong in ('{"a": [', "[1, 2]"))


def _always(*faults: Reply) -> Callable[[Reply], tuple[Reply, ...]]:
    return lambda _reply: faults


#: For each fault, what comes before a reply of the script.
FAULTS: dict[str, Callable[[Reply], tuple[Reply, ...]]] = {
    "malformed arguments": _garbled,
    "an unknown tool": _always(call("open_the_pod_bay_doors", please=True)),
    "an empty answer": _always(Text("")),
    "429": _always(Fault.error(429, "rate_limit_exceeded", retry_after="0")),
    "5xx": _always(Fault.error(500, "server_error"), Fault.error(503, "overloaded")),
    "an answer that is cut off": _always(CutStream("We are")),
}


def disturbed(script: tuple[Reply, ...], fault: str) -> tuple[Reply, ...]:
    """Return a script with a fault before every reply to which it applies."""
    return tuple(each for reply in script for each in (*FAULTS[fault](reply), reply))
