"""Who answers what jobs ask: approvals, questions, and whether an unsafe step took effect.

For the last it does what a careful operator does: it makes sure that the process which began the step can do nothing
more, looks in the database, and says what is there.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from pydantic_core import from_json, to_json

from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.model.asks import DONE, REPEAT, Answer, Ask, AskType
from backdesk.worker.process.periodic import Periodic
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.records import read_ask
from backdesk.worker.store.scripts import run
from tests.chaos.script import Script, reply, silent, steps
from tests.chaos.witness import Witness, lives

LOOK_EVERY_S = 0.25
#: A process that neither ends its attempt nor dies for so long is made to, so that the step can be decided.
PATIENCE_S = 25.0


class Clerk:
    """Looks for waiting jobs, in a thread, and answers them."""

    def __init__(self, client: redis.Redis, keys: Keys, transitions: Transitions, witness: Witness) -> None:
        self._client = client
        self._keys = keys
        self._transitions = transitions
        self._witness = witness
        self._thread = Periodic("clerk", LOOK_EVERY_S, self._look)
        self._since: dict[tuple[str, str], float] = {}
        self.answers: dict[str, int] = {}
        #: The processes that were killed to be sure.
        self.killed: set[int] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._thread.stop()

    def _look(self) -> None:
        with suppress(redis.RedisError, StoreUnavailable):
            waiting: Any = self._client.zrange(self._keys.state("waiting"), 0, -1)
            for job_id in map(text, waiting):
                asked: Any = self._client.hvals(self._keys.awaiting(job_id))
                for ask in map(read_ask, asked):
                    self._answer(job_id, ask)

    def _answer(self, job_id: str, ask: Ask) -> None:
        answers: dict[AskType, Callable[[str, Ask], tuple[str, bytes] | None]] = {
            AskType.APPROVAL: self._reply,
            AskType.QUESTION: self._reply,
            AskType.OUTCOME: self._outcome,
        }
        if ask.type in answers and not silent(ask.name) and (decided := answers[ask.type](job_id, ask)):
            decision, entry = decided
            event = to_json({"name": ask.name, "decision": decision, "by": "clerk"})
            in_force, _ = run(self._client, self._transitions.answer(job_id, ask.name, entry, event))
            if in_force:
                label = f"{ask.type}: {decision}" if ask.type is AskType.OUTCOME else str(ask.type)
                self.answers[label] = self.answers.get(label, 0) + 1

    def _reply(self, _job_id: str, ask: Ask) -> tuple[str, bytes]:
        said = reply(ask.name, approval=ask.type is AskType.APPROVAL)
        answer = Answer(decision=said, by="clerk") if ask.choices else Answer(value=said, by="clerk")
        return said, _done(answer)

    def _outcome(self, job_id: str, ask: Ask) -> tuple[str, bytes] | None:
        step, attempt = ask.facts["step"], ask.facts["attempt"]
        if not self._is_over(job_id, attempt):
            return None
        charged = [charge for charge in self._witness.charges(job_id) if charge.step == step]
        if not charged:
            return REPEAT, b""
        by = charged[0].attempt
        row = next(r.id for r in self._witness.runs(job_id) if (r.step, r.attempt) == (step, by))
        return DONE, _done({"value": self._value(job_id, step), "attempt": by, "run": row, "by_hand": 1})

    def _is_over(self, job_id: str, attempt: int) -> bool:
        """Whether an attempt can do nothing more: its body has ended, or its process is dead."""
        rows = [row for row in self._witness.attempts(job_id) if row.attempt == attempt]
        going_on = [row for row in rows if row.ended is None and lives(row.pid, row.born)]
        since = self._since.setdefault((job_id, str(attempt)), time.monotonic())
        if going_on and time.monotonic() - since > PATIENCE_S:
            for row in going_on:
                self.killed.add(row.pid)
                with suppress(ProcessLookupError):
                    os.kill(row.pid, signal.SIGKILL)
        return not going_on

    def _value(self, job_id: str, step: str) -> int:
        request: Any = self._client.hget(self._keys.job(job_id), "request")
        moves = Script.model_validate(from_json(request)).moves
        return next(move.value for move in steps(moves) if move.key == step)


def _done(value: object) -> bytes:
    return b'{"state":"done","value":' + to_json(value) + b"}"
