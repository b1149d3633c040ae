"""What a job remembers: the steps it has finished, the answers it was given, the ends of the jobs that it called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from backdesk.client.operations.jobs import Ids, JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.model.asks import AskType, LedgerEntry
from backdesk.worker.model.events import EventType, JobEvent
from backdesk.worker.model.job import JobState
from backdesk.worker.model.plan import PLAN
from backdesk.worker.store.calls import text
from backdesk.worker.store.records import UNREADABLE
from backdesk.worker.store.remains import remains_in

#: The outcome of a step that has begun and of which nothing more is known.
UNKNOWN = "unknown"
#: What the log tells of that a job has remembered.
_TELLING = frozenset({EventType.STEP, EventType.ANSWERED})
#: Entries of a ledger in one answer, about; each may be large.
ENTRIES_A_PAGE = 20


class Remembered(BaseModel):
    """One thing that a job remembers; what a step returned is not told, it may be a secret.

    `type` is `step`, `ask`, `call` or `recall`; `taken_over` when it is from the job that this one replays. `outcome`
    is `done` or `unknown` of a step, the decision (or `answered`) of an ask, the state of a called job, the newest turn
    that was seen of a conversation; `unreadable` of what cannot be read. `effect` and `seconds` are known of steps that
    this very job has finished.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    key: str
    outcome: str
    effect: str = ""
    seconds: float | None = None
    by: str = ""
    job_id: str = ""
    taken_over: bool = False

    @property
    def name(self) -> str:
        """Its name among all that the job remembers."""
        return f"{self.type}:{self.key}"


Memory = list[Remembered]


class MemoryOperations:
    """The operations that read what jobs remember."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def of(self, job_id: str) -> Operation[Memory]:
        """Return what a job remembers, in the order in which it came about; raises JobNotFound.

        What was taken over is first, a step of unknown outcome last. One that has succeeded remembers nothing any more:
        its log and its children tell the same.
        """
        state, events = yield from self._core.log(job_id)
        if state == JobState.SUCCEEDED:
            called = yield from self._called(job_id)
            return [*(_told(event) for event in events if event.type in _TELLING), *called]
        origin, ledger = yield from self._remembered(job_id)
        facts = _begun(events)
        entries = {name.decode("utf-8", "replace"): _entry(raw) for name, raw in ledger.items()}
        entries.pop(PLAN, None)  # it is told, and keeps nothing from being done again
        others = sorted(entries.keys() - facts.keys())
        taken_over = [name for name in others if origin and (entry := entries[name]) and entry.state == "done"]
        own = [name for name in facts if name in entries] + [name for name in others if name not in taken_over]
        return [
            _remembered(name, entries[name], facts.get(name, {})).model_copy(update={"taken_over": name in taken_over})
            for name in (*taken_over, *own)
        ]

    def _remembered(self, job_id: str) -> Operation[tuple[bytes | None, Mapping[bytes, bytes]]]:
        """Return of which job a job is a replay, and its ledger; raises JobNotFound."""
        ((state, origin),) = yield Commands([("HMGET", self._core.keys.job(job_id), "state", "origin")])
        if state is None:
            remains = yield from self._core.archived.demand(job_id)
            return remains.fields.get(b"origin"), remains.ledger
        return origin, (yield from self._ledger(job_id))

    def _ledger(self, job_id: str) -> Operation[dict[bytes, bytes]]:
        ledger: dict[bytes, bytes] = {}
        cursor = None
        while cursor != 0:
            key = self._core.keys.ledger(job_id)
            ((cursor, page),) = yield Commands([("HSCAN", key, cursor or 0, "COUNT", ENTRIES_A_PAGE)])
            ledger |= page
        return ledger

    def children(self, job_id: str) -> Operation[Ids]:
        """Return the ids of the jobs that a job has called."""
        keys = self._core.keys
        ids, here = yield Commands([("SMEMBERS", keys.children(job_id)), ("EXISTS", keys.job(job_id))])
        if not here:
            archived = yield from self._core.archived.find([job_id], whole=False)
            ids = [child for each in archived for child in remains_in(each).children]
        return sorted(child.decode() for child in ids)

    def _called(self, job_id: str) -> Operation[Memory]:
        """Return the jobs that a job has called, as far as they are kept."""
        ids = yield from self.children(job_id)
        replies = yield Commands([("HMGET", self._core.keys.job(child), "parent_key", "state") for child in ids])
        found = {
            child: (text(name), text(state))
            for child, (name, state) in zip(ids, replies, strict=True)
            if name and state
        }
        archived = yield from self._core.archived.find([child for child in ids if child not in found], whole=False)
        found |= {each.id: (remains_in(each).value("parent_key"), each.state) for each in archived}
        return [
            Remembered(type="call", key=found[child][0].partition(":")[2], outcome=found[child][1], job_id=child)
            for child in ids
            if child in found
        ]


def _begun(events: Sequence[JobEvent]) -> dict[str, Mapping[str, Any]]:
    """Return the names of what a job has done, asked and called, in their order, with what is known of steps."""
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.type == EventType.STEP:
            found[f"step:{event.data.get('key')}"] = event.data
        elif event.type == EventType.WAITING:
            for ask in event.data.get("for", ()):
                name = str(ask.get("name"))
                found.setdefault(name if ask.get("type") == AskType.CHILD else f"ask:{name}", {})
    return found


def _told(event: JobEvent) -> Remembered:
    """Return what a `step` or `answered` event tells of."""
    data = event.data
    if event.type == EventType.STEP:
        return Remembered(
            type="step", key=data["key"], outcome="done", effect=data["effect"], seconds=data.get("seconds")
        )
    return Remembered(type="ask", key=data["name"], outcome=data.get("decision") or "answered", by=data.get("by", ""))


def _entry(raw: bytes) -> LedgerEntry | None:
    try:
        return LedgerEntry.model_validate_json(raw)
    except ValidationError:
        return None


def _remembered(name: str, entry: LedgerEntry | None, facts: Mapping[str, Any]) -> Remembered:
    kind, _, key = name.partition(":")
    if entry is None:
        return Remembered(type=kind, key=key, outcome=UNREADABLE)
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
