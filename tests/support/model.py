"""The life of jobs once more, in plain Python: what the Lua scripts must agree with after any sequence of calls.

Written from `docs/lifecycle.md`, without a look at how the scripts do it. Queues, lines, limits and deliveries are left
out: where a job stands while it is queued is the business of `upkeep.leaks`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from backdesk.worker.model.job import ACTIVE, TERMINAL, JobState
from backdesk.worker.store.jobs import NewJob

S = JobState

#: How long an attempt may take to stop before its job ends without it; the same as in record.lua.
STOP_GRACE_MS = 10_000
#: After which a job that a limit holds asks again by itself; the same as in park.lua.
LONGEST_HELD_MS = 300_000


#: Stand for the ends of children, whose words are not modelled.
WELL, BADLY = b"ended well", b"ended badly"


@dataclass(frozen=True)
class Pending:
    """One thing that a job waits for."""

    target: str
    until_ms: int | None = None
    otherwise: bytes = b""


@dataclass
class ModelJob:
    """A job as anybody can see it."""

    new: NewJob
    state: JobState
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    due_ms: int = 0
    lease_ms: int = 0
    ended_ms: int = 0
    fence: str = ""
    stop: str = ""
    stop_by_ms: int | None = None
    left_by: str = ""
    checkpoint: bytes = b""
    held: bool = False
    pending: dict[str, Pending] = field(default_factory=dict)
    ledger: dict[str, bytes] = field(default_factory=dict)
    children: set[str] = field(default_factory=set)
    #: Whether the job that its conversation goes on with may take its message, and those that it has taken itself.
    steers: bool = False
    messages: list[str] = field(default_factory=list)

    def limit(self) -> tuple[int, JobState] | None:
        """The moment at which a time limit ends the job, and how."""
        expires, start_by = self.new.expires_at_ms, self.new.start_by_ms
        found: list[tuple[int, JobState]] = []
        if self.state is S.RUNNING:
            if self.stop_by_ms is not None:
                found.append((self.stop_by_ms, S.CANCELLED))
            if expires != "":
                found.append((int(expires) + STOP_GRACE_MS, S.EXPIRED))
        else:
            if start_by != "" and not self.attempt:
                found.append((int(start_by), S.EXPIRED))
            if expires != "":
                found.append((int(expires), S.EXPIRED))
        return min(found, key=lambda each: each[0]) if found else None


class Model:
    """All jobs, and what each call of the store does to them."""

    def __init__(
        self, clock: Callable[[], int], *, lease_ms: int, max_crashes: int, retention_ms: int, succeeded_ms: int
    ) -> None:
        self._clock = clock
        self._lease_ms = lease_ms
        self._max_crashes = max_crashes
        self._retention_ms = dict.fromkeys(TERMINAL, retention_ms) | dict.fromkeys(
            (S.SUCCEEDED, S.STEERED), succeeded_ms
        )
        self.jobs: dict[str, ModelJob] = {}
        self.stopping: dict[str, str] = {}
        #: Tenant and conversation to its jobs, in the order of their turns.
        self.turns: dict[tuple[str, str], list[str]] = {}

    def copy(self) -> Model:
        """The same as it is now, under the same clock."""
        other = copy.copy(self)
        other.jobs, other.stopping, other.turns = copy.deepcopy((self.jobs, self.stopping, self.turns))
        return other

    def in_state(self, *states: JobState) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.state in states]

    def holds(self, job_id: str, fence: str) -> bool:
        """Whether an attempt may write."""
        job = self.jobs.get(job_id)
        return job is not None and job.state is S.RUNNING and job.fence == fence

    # --- what clients do ---

    def submit(self, new: NewJob) -> int:
        if new.id in self.jobs:
            return 0 if self.jobs[new.id].new.fingerprint == new.fingerprint else -1
        if new.parent and not self.holds(new.parent, new.parent_fence):
            return -2
        others = self.turns.get((new.tenant, new.conversation), []) if new.conversation else []
        if others and new.when_busy == "reject":
            return -3
        if new.when_busy == "interrupt":
            for other in reversed(others.copy()):
                self._cancel(other, "interrupted by a newer message of its conversation")
        due_ms = int(new.run_at_ms or 0)
        parked = due_ms > self._clock()
        job = ModelJob(new, S.SCHEDULED if parked else S.QUEUED, due_ms=due_ms)
        if new.parent:
            self.jobs[new.parent].children.add(new.id)
        if new.resumes and (origin := self.jobs.get(new.origin)):
            kept = {name: entry for name, entry in origin.ledger.items() if _stays(name, entry)}
            job.ledger, job.checkpoint = kept, origin.checkpoint
        if new.origin in self.jobs:
            job.messages = self.jobs[new.origin].messages.copy()
        self.jobs[new.id] = job
        if not parked:
            self._take_turn(new)
            job.steers = new.when_busy == "steer" and not self.has_turn(new.id)
        return 1

    def _take_turn(self, new: NewJob) -> None:
        turns = self.turns.setdefault((new.tenant, new.conversation), []) if new.conversation else [new.id]
        if new.id not in turns:
            turns.append(new.id)

    def has_turn(self, job_id: str) -> bool:
        """Whether no job of its conversation that came before it still goes on."""
        new = self.jobs[job_id].new
        return not new.conversation or self.turns[new.tenant, new.conversation][0] == job_id

    def cancel(self, job_id: str, reason: str) -> tuple[bool, str]:
        job = self.jobs.get(job_id)
        if job is None:
            return False, ""
        self._cancel(job_id, reason)
        return job.state in {S.CANCELLED, S.RUNNING}, job.state

    def _cancel(self, job_id: str, reason: str) -> None:
        job = self.jobs[job_id]
        if job.state is S.RUNNING and not job.stop:
            job.stop, job.stop_by_ms = reason, self._clock() + STOP_GRACE_MS
            self.stopping[job_id] = f'cancel:"{reason}"'
        elif job.state in ACTIVE - {S.RUNNING}:
            self._end(job_id, S.CANCELLED)

    def answer(self, job_id: str, name: str, entry: bytes, *, fails: bool) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.state is not S.WAITING or name not in job.pending or job.pending[name].target == name:
            return False
        if fails:
            self._end(job_id, S.FAILED)
        else:
            self._settle(job_id, name, job.pending[name].target, entry)
        return True

    def drop(self, job_ids: Iterable[str]) -> int:
        dead = [job_id for job_id in dict.fromkeys(job_ids) if job_id in self.in_state(S.FAILED)]
        for job_id in dead:
            del self.jobs[job_id]
        return len(dead)

    # --- what attempts do ---

    def claim(self, job_id: str, fence: str, *, delivered: bool) -> int:
        """The number of the attempt, 0 when there is none. A queued job must have been delivered."""
        job = self.jobs.get(job_id)
        if job is None:
            return 0
        if job.state is S.RUNNING and job.fence == fence:
            return job.attempt
        if job.state is not S.QUEUED:
            return 0
        limit = job.limit()
        if limit and limit[0] <= self._clock():
            self._end(job_id, limit[1])
            return 0
        if not delivered:
            return 0
        assert self.has_turn(job_id), f"{job_id} was delivered before its turn in its conversation"
        job.state, job.fence, job.lease_ms = S.RUNNING, fence, self._clock() + self._lease_ms
        job.left_by = ""
        job.attempt += 1
        self.stopping.pop(job_id, None)
        return job.attempt

    def renew(self, job_id: str, fence: str) -> bool:
        if held := self.holds(job_id, fence):
            self.jobs[job_id].lease_ms = self._clock() + self._lease_ms
        return held

    def remember(self, job_id: str, fence: str, key: str, entry: bytes) -> bool:
        if held := self.holds(job_id, fence):
            job = self.jobs[job_id]
            if entry.startswith(b'{"state":"done"') and job.ledger.get(key) != entry:
                job.crashes = 0
            _put(job.ledger, key, entry)
        return held

    def keep(self, job_id: str, fence: str, checkpoint: bytes) -> bool:
        if held := self.holds(job_id, fence):
            self.jobs[job_id].checkpoint, self.jobs[job_id].crashes = checkpoint, 0
        return held

    def steer(self, job_id: str, fence: str, wanted: Iterable[str]) -> list[str] | None:
        """Take messages of those that stand behind a job; gives all that it has taken, None without the fence."""
        if not self.holds(job_id, fence):
            return None
        job = self.jobs[job_id]
        others = self.turns.get((job.new.tenant, job.new.conversation), []) if job.new.conversation else []
        for other in [] if job.stop else others.copy():
            its = self.jobs[other]
            if other in wanted and its.steers and its.state is S.QUEUED and its.new.kind == job.new.kind:
                job.messages.append(other)
                self._end(other, S.STEERED)
        return job.messages

    def finish(self, job_id: str, fence: str, state: JobState) -> bool:
        job = self.jobs.get(job_id)
        if not self.holds(job_id, fence):
            return bool(job and job.left_by == fence and job.state is state)
        self._leave(job_id, fence)
        self._end(job_id, state)
        return True

    def park(self, job_id: str, fence: str, delay_ms: int | None, *, failed: bool, held: bool) -> bool:
        """`delay_ms` is None for a job that is handed over; one that is held waits to be released."""

        def go_on(job: ModelJob) -> None:
            job.state = S.QUEUED if delay_ms is None else S.SCHEDULED
            job.due_ms = self._clock() + (LONGEST_HELD_MS if held else delay_ms or 0)
            job.held = held

        if failed and self.holds(job_id, fence):
            self.jobs[job_id].failures += 1
        return self._go_on(job_id, fence, go_on)

    def wait(self, job_id: str, fence: str, pending: dict[str, Pending]) -> bool:
        def go_on(job: ModelJob) -> None:
            known = job.ledger
            job.pending = {name: each for name, each in pending.items() if not (each.target == name in known)}
            job.state = S.WAITING if job.pending else S.QUEUED

        return self._go_on(job_id, fence, go_on)

    def _go_on(self, job_id: str, fence: str, go_on: Callable[[ModelJob], None]) -> bool:
        job = self.jobs.get(job_id)
        if not self.holds(job_id, fence):
            went_on = job is not None and (job.state in ACTIVE or job.state is S.CANCELLED)
            return bool(job and job.left_by == fence and went_on)
        assert job is not None
        self._leave(job_id, fence)
        if job.stop:
            self._end(job_id, S.CANCELLED)
        else:
            go_on(job)
        return True

    def _leave(self, job_id: str, fence: str) -> None:
        self.jobs[job_id].left_by = fence
        self.stopping.pop(job_id, None)

    # --- what the maintenance does ---

    def stop(self, job_ids: Iterable[str], ask: str) -> None:
        for job_id in job_ids:
            asked = self.stopping.get(job_id, "drain")
            if job_id in self.in_state(S.RUNNING) and asked == "drain":
                self.stopping[job_id] = ask

    def release(self) -> None:
        """Nothing is limited any more: all that are held may go on."""
        for job_id in self.in_state(S.SCHEDULED):
            job = self.jobs[job_id]
            if job.held:
                job.held, job.due_ms = False, self._clock()

    def promote(self) -> None:
        for job_id, job in sorted(self.jobs.items(), key=lambda each: (each[1].due_ms, each[0])):
            if job.state is S.SCHEDULED and job.due_ms <= self._clock():
                job.state, job.held = S.QUEUED, False
                self._take_turn(job.new)
            elif job.state is S.WAITING:
                late = {n: p for n, p in job.pending.items() if p.until_ms is not None and p.until_ms <= self._clock()}
                for name, each in late.items():
                    self._settle(job_id, name, each.target, each.otherwise)

    def expire(self) -> None:
        limits = {job_id: job.limit() for job_id, job in self.jobs.items() if job.state in ACTIVE}
        due = sorted((limit[0], job_id) for job_id, limit in limits.items() if limit and limit[0] <= self._clock())
        for _, job_id in due:
            limit = self.jobs[job_id].limit()
            if self.jobs[job_id].state in ACTIVE and limit and limit[0] <= self._clock():
                self._end(job_id, limit[1])

    def reap(self) -> list[str]:
        running = [(self.jobs[job_id].lease_ms, job_id) for job_id in self.in_state(S.RUNNING)]
        lost = [job_id for moment, job_id in sorted(running) if moment <= self._clock()]
        for job_id in lost:
            job = self.jobs[job_id]
            job.crashes += 1
            self.stopping.pop(job_id, None)
            if job.stop:
                self._end(job_id, S.CANCELLED)
            elif job.crashes >= self._max_crashes:
                self._end(job_id, S.FAILED)
            else:
                job.state = S.QUEUED
        return lost

    def prune(self) -> None:
        for job_id in self.in_state(*TERMINAL):
            job = self.jobs[job_id]
            if job.ended_ms <= self._clock() - self._retention_ms[job.state]:
                del self.jobs[job_id]

    # --- what several of them do ---

    def _end(self, job_id: str, state: JobState) -> None:
        job = self.jobs[job_id]
        job.state, job.ended_ms, job.pending = state, self._clock(), {}
        if state is S.SUCCEEDED:
            job.ledger, job.checkpoint = {}, b""
        self.stopping.pop(job_id, None)
        turns = self.turns.get((job.new.tenant, job.new.conversation), [])
        if job_id in turns:
            turns.remove(job_id)
        if state is not S.SUCCEEDED:
            for child in job.children & self.jobs.keys():
                self._cancel(child, f"its parent ended as {state}")
        if job.new.parent in self.jobs:
            name = job.new.parent_key
            self._settle(job.new.parent, name, name, WELL if state is S.SUCCEEDED else BADLY)

    def _settle(self, job_id: str, name: str, target: str, entry: bytes) -> None:
        job = self.jobs[job_id]
        if job.state in TERMINAL:
            return
        _put(job.ledger, target, entry)
        job.pending.pop(name, None)
        if job.state is S.WAITING and not job.pending:
            job.state = S.QUEUED


def _stays(name: str, entry: bytes) -> bool:
    """Whether a replay keeps an entry: a child that came to nothing is called anew."""
    return not name.startswith("call:") or entry == WELL


def _put(ledger: dict[str, bytes], key: str, entry: bytes) -> None:
    if entry:
        ledger[key] = entry
    else:
        ledger.pop(key, None)
