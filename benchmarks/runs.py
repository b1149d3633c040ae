"""When jobs began and ended, as their records say: by the clock of Redis, to the millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backdesk.worker.store.keys import Keys
from benchmarks.contender import PREFIX
from benchmarks.rounds import Server


@dataclass(frozen=True, slots=True)
class Run:
    """One job; times in seconds since 1970, None for what has not happened."""

    created_s: float
    began_s: float | None
    ended_s: float | None

    @property
    def waited_s(self) -> float | None:
        """From the submission to the claim."""
        return None if self.began_s is None else self.began_s - self.created_s


def runs_of(server: Server, ids: Sequence[str]) -> list[Run]:
    """Read jobs that had one attempt at most."""
    keys = Keys(PREFIX)
    with server.client.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hmget(keys.job(job_id), "created_at", "started_at", "finished_at")
        return [Run(float(made) / 1000, _seconds(began), _seconds(ended)) for made, began, ended in pipe.execute()]


def now_s(server: Server) -> float:
    """Return the time by the clock of Redis."""
    seconds, microseconds = server.client.time()
    return float(seconds) + float(microseconds) / 1e6


def _seconds(ms: bytes | None) -> float | None:
    return None if ms is None else float(ms) / 1000
