"""What a job of the drill does: a list of moves, as its request says them, and what must come of it.

The result of a script follows from the script alone, whatever happens on the way: that is what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from backdesk.worker.model.asks import APPROVE, DENY

#: What goes wrong once with an unsafe step: it raises before or after its effect, or says that it took none.
Mishap = Literal["", "before", "after", "refused"]


class Move(BaseModel):
    """One thing that a body does. `key` is unique within the script."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["step", "together", "approve", "ask", "call", "fail", "hang", "doom", "checkpoint"]
    key: str
    effect: Literal["pure", "idempotent", "unsafe"] = "pure"
    seconds: float = 0.0
    #: What a step adds to the total.
    value: int = 0
    #: How often it fails before it does not.
    times: int = 1
    mishap: Mishap = ""
    #: The kind of the children of a call.
    kind: str = ""
    #: The steps that run together, or the scripts of the children, one after the other.
    moves: list[Move] = []
    children: list[list[Move]] = []


class Script(BaseModel):
    """A request."""

    model_config = ConfigDict(extra="forbid")

    moves: list[Move]


class Done(BaseModel):
    """A result. `attempt` is the one that gave it, and `body` the row of its body at the witness."""

    total: int
    heard: list[str]
    attempt: int = 0
    body: int = 0


class Doomed(Exception):
    """The script ends in an error that no attempt can mend."""


def expected(moves: Sequence[Move]) -> Done:
    """The result of an undisturbed run; raises Doomed when there is none."""
    done = Done(total=0, heard=[])
    for move in moves:
        if move.do == "doom":
            raise Doomed
        if move.do in {"ask", "approve"}:
            done.heard.append(reply(move.key, approval=move.do == "approve"))
        done.total += move.value if move.do == "step" else sum(part.value for part in move.moves)
        for child in move.children:
            ended = expected(child)
            done.total += ended.total
            done.heard += ended.heard
    return done


def reply(key: str, *, approval: bool) -> str:
    """What a person answers, always the same: most approvals are given, and on some questions everybody is silent."""
    if not approval:
        return f"answer to {key}"
    return DENY if silent(key) or crc32(key.encode()) % 4 == 0 else APPROVE


def silent(key: str) -> bool:
    """Whether nobody answers, so that the rule for it does."""
    return key.startswith("silent")


def steps(moves: Sequence[Move]) -> Iterator[Move]:
    """The steps of a script, without those of children."""
    for move in moves:
        if move.do == "step":
            yield move
        yield from move.moves
