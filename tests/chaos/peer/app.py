"""The plain Celery application: one task a pool, that plays the steps of a script and writes the same rows."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery

from tests.chaos.kinds import witness
from tests.chaos.peer.configuration import CONFIGURATIONS

app = Celery("plain", broker=os.environ.get("CHAOS_BROKER_URL", "redis://127.0.0.1:1/0"))
app.conf.update(CONFIGURATIONS[os.environ.get("CHAOS_CONFIGURATION", "defaults")])


def _play(self: Any, moves: list[dict[str, Any]]) -> None:
    """Make the steps of a script, whatever an earlier delivery of this task has made."""
    job = self.request.id
    attempt = len(witness.attempts(job)) + 1
    row = witness.begin_attempt(job, attempt)
    for move in moves:
        if move["do"] == "step":
            _step(job, attempt, move)
    witness.finish(job, attempt)
    witness.end_attempt(row)


def _step(job: str, attempt: int, move: dict[str, Any]) -> None:
    row = witness.begin_run(job, move["key"], move["effect"], attempt)
    time.sleep(move["seconds"] / 2)
    if move["effect"] == "idempotent":
        witness.enter(f"{job}:{move['key']}", move["value"])
    elif move["effect"] == "unsafe":
        witness.charge(job, move["key"], attempt)
    time.sleep(move["seconds"] / 2)
    witness.end_run(row)


play = app.task(name="play", bind=True)(_play)
