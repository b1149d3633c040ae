"""What each kind that agents answer has to prove: that it comes to its answer, whatever its model does on the way.

A kind registers by a module `proof` among its tests with a constant `PROOF`; what is injected, and where, is the same
for all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from backdesk.agents.card import GIVE_ANSWER
from backdesk.agents.contract import AgentRequest
from backdesk.platform.database import Database
from backdesk.worker.attempt.registry import REGISTRY
from tests.support.memory import Memory
from tests.support.openai_simulator import (
    BrokenStream,
    Calls,
    CutStream,
    Fault,
    Received,
    Refusal,
    Reply,
    Silence,
    Text,
    call,
)
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
    """Two talks with a kind; its module must be imported, so that the kind is registered.

    A kind that acts on a customer's yes has a third one: the message that says yes to what the first talk proposes.
    The first reply of its script is the judge's.
    """

    kind: str
    talks: tuple[Talk, Talk]
    agreed: Talk | None = None


def proofs() -> list[Proof]:
    """Return what the kinds have registered."""
    names = sorted(path.parent.name for path in (ROOT / "tests" / "kinds").glob("*/proof.py"))
    return [import_module(f"tests.kinds.{name}.proof").PROOF for name in names]


class Judged:
    """The rule of a simulator that has a script for the judge of a customer's yes, and another for the agent."""

    def __init__(self, judge: tuple[Reply, ...], agent: tuple[Reply, ...]) -> None:
        self.judge, self.agent = deque(judge), deque(agent)

    def __call__(self, request: Received) -> Reply:
        script = self.judge if request.tools == {GIVE_ANSWER} else self.agent
        return script.popleft() if script else Fault.error(400, "script_exhausted")


class Stalling:
    """The rule of a simulator that meets every request of several talks with silence before it answers.

    Only once each, after some words where it streams: whoever asks again for the same goes on. What each talk is
    answered is a rule by its message.
    """

    def __init__(self, rules: Mapping[str, Callable[[Received], Reply]]) -> None:
        self._rules = rules
        #: What was answered at last, by the message of its talk.
        self.met = set[tuple[str, str]]()

    def __call__(self, request: Received) -> Reply:
        said = "\n".join(request.texts("user"))
        (message,) = (each for each in self._rules if each in said)
        reply = self._rules[message](request)
        at = (message, repr(reply))
        if at in self.met:
            return reply
        self.met.add(at)
        return Silence("We are")


class Scripts:
    """The rule of a simulator that serves several talks at once: each has its own script, known by its message."""

    def __init__(self, talks: tuple[Talk, ...]) -> None:
        self._scripts = {talk.request.message: deque(talk.script) for talk in talks}

    def __call__(self, request: Received) -> Reply:
        mine = [script for message, script in self._scripts.items() if message in request.texts("user")]
        assert len(mine) == 1, "whose request is this?"
        return mine[0].popleft() if mine[0] else Fault.error(400, "script_exhausted")


async def carry_through(
    proof: Proof, talk: Talk, job_id: str = "job-1", *, streamed: bool = False, memory: Memory | None = None
) -> Any:
    """Attempt a job until it is answered, as the engine does: again after failures that pass, else by its fallback."""
    memory = memory or Memory(job_id, kind=proof.kind)
    memory.sink = Recording(watched=streamed)
    spec = REGISTRY[proof.kind]
    spec = replace(spec, retry=spec.retry.model_copy(update={"attempts": MOST_ATTEMPTS}))
    while (result := await memory.serve(spec, talk.request)) is None:
        assert not memory.asks, "the job waits, which nothing here asks of it"
        assert memory.attempts < MOST_ATTEMPTS, "the job does not come to an end"
    assert len(memory.keys) == len(set(memory.keys)), "a step was repeated"
    told = "".join(memory.sink.tokens)
    assert not streamed or result.degraded or told.endswith(result.answer), "the answer was not streamed"
    return result


async def carry_through_at_once(proof: Proof) -> list[Any]:
    """Have both talks at the same time on one loop."""
    jobs = (carry_through(proof, talk, f"job-{turn}") for turn, talk in enumerate(proof.talks, 1))
    return await asyncio.gather(*jobs)


# --- what goes wrong ---


def _garbled(reply: Reply) -> tuple[Reply, ...]:
    if not isinstance(reply, Calls):
        return (reply,)  # a text has no arguments
    wrong = (Calls(tuple((name, args) for name, _ in reply.calls)) for args in ('{"a": [', "[1, 2]"))
    return (*wrong, reply)


def _before(*faults: Reply) -> Callable[[Reply], tuple[Reply, ...]]:
    return lambda reply: (*faults, reply)


def _commented(reply: Reply) -> tuple[Reply, ...]:
    return (replace(reply, text="Um momento… 少々お待ちください。"),) if isinstance(reply, Calls) else (reply,)


def _under_one_id(reply: Reply) -> tuple[Reply, ...]:
    if not isinstance(reply, Calls):
        return (reply,)
    return (replace(reply, calls=(*reply.calls, *HALLUCINATED.calls), call_id="call_0"),)


def _cut_off(reply: Reply) -> tuple[Reply, ...]:
    if not isinstance(reply, Text):
        return (reply,)
    half = len(reply.text) // 2
    return (Text(reply.text[:half], cut_off=True), Text(reply.text[max(half - 20, 0) :]))


HALLUCINATED = call("open_the_pod_bay_doors", please=True)
#: For each fault, what comes in place of a reply of the script.
FAULTS: dict[str, Callable[[Reply], tuple[Reply, ...]]] = {
    "malformed arguments": _garbled,
    "an unknown tool": _before(HALLUCINATED),
    "an unknown tool under the id of the call": _under_one_id,
    "text beside the calls": _commented,
    "an empty answer": _before(Text("")),
    "a refusal": _before(Refusal()),
    "a filtered answer": _before(Text("We are", filtered=True)),
    "429": _before(Fault.error(429, "rate_limit_exceeded", retry_after="0")),
    "5xx": _before(Fault.error(500, "server_error"), Fault.error(503, "overloaded")),
    "an error in the stream": _before(BrokenStream("We are")),
    "a stream that breaks off": _before(CutStream("We are")),
    "an answer that is cut off at the limit of its length": _cut_off,
}


def disturbed(script: tuple[Reply, ...], fault: str) -> tuple[Reply, ...]:
    """Return a script with a fault at every reply to which it applies."""
    return tuple(each for reply in script for each in FAULTS[fault](reply))


def by_asker(script: tuple[Reply, ...]) -> Callable[[Received], Reply]:
    """Return a rule of the message that says yes: what the judge says however often it is asked, and what the agent."""
    judge, agent = script
    return lambda request: judge if request.tools == {GIVE_ANSWER} else agent


def by_position(script: tuple[Reply, ...]) -> Callable[[Received], Reply]:
    """Return a rule that goes on where a conversation is: what an attempt asks again gets the same reply."""
    return lambda request: script[len(request.called)]
