"""What a job remembers: the steps it has finished, the answers it was given, the ends of the jobs that it called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.jobs import Ids, JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.errors import JobNotFound
from backdesk.worker.model.asks import LedgerEntry
from backdesk.worker.model.events import EventType
from backdesk.worker.store.records import read_event

#: The outcome of a step that has begun and of which nothing more is known.
UNKNOWN = "unknown"


class Remembered(BaseModel):
    """One thing that a job remembers; what a step returned is not told, it may be a secret.

    `type` is `step`, `ask`, `call` or `recall`. `outcome` is `done` or `unknown` of a step, the decision (or
    `answered`) of an ask, the state of a called job, the newest turn that was seen of a conversation. `effect` and
    `seconds` are known of steps that this very job has finished.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    key: str
    outcome: str
    effect: str = ""
    seconds: float | None = None
    by: str = ""
    job_id: str = ""


Memory = list[Remembered]


class MemoryOperations:
    """The operations that read what jobs remember."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def of(self, job_id: str) -> Operation[Memory]:
        """Return what a job remembers, its own steps first, in their order; raises JobNotFound."""
        keys = self._core.keys
        known, ledger, log = yield Commands(
            [
                ("EXISTS", keys.job(job_id)),
                ("HGETALL", keys.ledger(job_id)),
                ("LRANGE", keys.events(job_id), 0, -1),
            ]
        )
        if not known:
            raise JobNotFound(job_id)
        events = [event for event in map(read_event, log) if event.type == EventType.STEP]
        facts = {f"step:{event.data.get('key')}": event.data for event in events}
        entries = {name.decode(): LedgerEntry.model_validate_json(raw) for name, raw in ledger.items()}
        ordered = [name for name in facts if name in entries] + sorted(entries.keys() - facts.keys())
        return [_remembered(name, entries[name], facts.get(name, {})) for name in ordered]

    def children(self, job_id: str) -> Operation[Ids]:
        """Return the ids of the jobs that a job has called."""
        (ids,) = yield Commands([("SMEMBERS", self._core.keys.children(job_id))])
        return sorted(child.decode() for child in ids)


def _remembered(name: str, entry: LedgerEntry, facts: Mapping[str, Any]) -> Remembered:
    kind, _, key = name.partition(":")
    value = entry.value if isinstance(entry.value, dict) and kind != "step" else {}
    if kind == "step":
        done = entry.state == "done"
        effect = str(facts.get("effect", "")) if done else "unsafe"  # no other step is announced before it begins
        return Remembered(
            type=kind, key=key, outcome="done" if done else UNKNOWN, effect=effect, seconds=facts.get("seconds")
        )
    if kind == "recall":
        return Remembered(type=kind, key=key, outcome=f"turn {entry.value}" if entry.value else "nothing")
    outcome = value.get("decision") or value.get("state") or "answered"
    return Remembered(type=kind, key=key, outcome=outcome, by=value.get("by", ""), job_id=value.get("job_id", ""))
