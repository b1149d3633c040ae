"""Any sequence of calls, from clients, attempts old and new, and the maintenance, leaves the store as it should be.

Each seed is one random history of a few families of jobs. After every call the store must agree with a model of the
states that is written without it; any call may be made twice, as after a lost answer; the store may lose its newest
writes, as when a replica takes over, and meet attempts that it no longer knows; and whatever has happened, workers that
do nothing but take deliveries bring every job to its end.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Awaited
from backdesk.worker.model.events import TERMINAL_EVENTS
from backdesk.worker.model.job import (
    ACTIVE,
    EVERY_TENANT,
    TERMINAL,
    TRANSITIONS,
    Cancelled,
    Claim,
    Deferred,
    Expired,
    Failed,
    HandedOver,
    JobState,
    Refused,
    Retried,
    Succeeded,
    Usage,
    Waiting,
)
from backdesk.worker.model.tenancy import JobLimits, TenantSettings, read_policy, scope_of, tenant_scope
from backdesk.worker.services.packer import Packer
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import NewJob, Parentage, SubmitCode
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.services import Reservations
from tests.support.board import Board, Clock, end_of, outcome_of, question
from tests.support.model import Model, Pending
from tests.support.upkeep import leaks

T = TypeVar("T")

STEPS = 220
#: Calls after which everything that Redis holds is looked through.
LOOK_EVERY = 8
WHY = Failure(code="broken", message="it broke")
ENDINGS: dict[JobState, Any] = {
    JobState.SUCCEEDED: Succeeded(b'"done"'),
    JobState.FAILED: Failed(WHY),
    JobState.CANCELLED: Cancelled(WHY),
    JobState.EXPIRED: Expired(WHY),
}
KINDS = ("test.echo", "test.tool")
QUEUES = ("agents", "tools")
#: What limits are about here, and the tenant if they are among its settings.
SCOPES = [(scope_of(kind=kind), "") for kind in KINDS] + [(scope_of(queue=queue), "") for queue in QUEUES]
SCOPES += [(tenant_scope(name), name) for name in ("a", "b", EVERY_TENANT)]
SCOPES += [(scope_of(tenant=name, kind="test.echo"), "") for name in ("a", EVERY_TENANT)]
LIMITS: list[dict[str, Any]] = [
    *({"max_running": most} for most in (0, 1, 2)),
    *({"rate": rate} for rate in ("1/s", "20/m")),
    {"rate": "30/m", "burst": 3, "max_running": 2},
    {"max_running": "none", "rate": "none"},
    *[{}] * 4,
]


class History:
    """One random history."""

    def __init__(self, board: Board, clock: Clock, seed: int) -> None:
        self.board, self.clock = board, clock
        self.random = random.Random(seed)
        self.packer = Packer(board.client, board.settings, lambda: True)
        settings = board.settings
        self.model = Model(
            clock,
            lease_ms=round(settings.lease_s * 1000),
            max_crashes=settings.max_crashes,
            retention_ms=settings.retention_s * 1000,
            succeeded_ms=settings.succeeded_retention_s * 1000,
        )
        self.claims: list[Claim] = []
        self.submitted: list[NewJob] = []
        self.told: list[str] = []
        self.states: dict[str, JobState] = {}
        self.changes: list[tuple[JobState, JobState]] = []
        #: What would be left of the newest writes: what Redis held, and what the model did.
        self.replicated: tuple[dict[Any, tuple[int, Any]], Model, dict[str, JobState]] | None = None
        self.acts: list[Callable[[], None]] = [
            *[self.submit] * 4,
            *[self.claim] * 9,
            *[self.finish] * 2,
            *[self.park] * 3,
            *[self.wait] * 4,
            *[self.child] * 4,
            *[self.answer] * 4,
            *[self.remember] * 3,
            *[self.advance] * 5,
            *[self.promote] * 3,
            self.release,
            *[self.expire, self.reap, self.cancel, self.stop, self.renew, self.emit, self.keep] * 2,
            *[self.steer, self.say_more] * 2,
            *[self.replay, self.drop, self.prune, self.redeliver, self.announce, self.take, self.submit_again],
            *[self.claim_again, self.redispatch],
            *[self.recount] * 2,
            *[self.configure, self.resume] * 3,
            self.replicate,
            self.lose_writes,
            *[self.sweep] * 8,
            *[self.pack] * 2,
        ]

    def step(self) -> None:
        act = self.random.choice(self.acts)
        self.told.append(act.__name__)
        act()
        self.compare()

    def run(self, call: Call[T], *, repeatable: bool = True) -> T:
        """Make a call; now and then twice, as after a lost answer, which must change nothing and answer the same."""
        reply = self.board.run(call)
        if repeatable and self.random.random() < 0.3:
            before = self.everything()
            assert self.board.run(call) == reply, "the second answer differs"
            assert self.everything() == before, "the second call changed something"
        return reply

    def everything(self) -> dict[bytes, Any]:
        """What Redis holds, by name; the order within hashes and sets, which it may change, left out.

        So are the rates and the worker, which expire by the server's own clock.
        """
        client, by_the_clock = self.board.client, (self.board.keys.rate(""), self.board.keys.worker(""))
        names: list[Any] = [name for name in client.keys("*") if not text(name).startswith(by_the_clock)]
        read = {b"hash": "hgetall", b"set": "smembers", b"string": "get"}
        with client.pipeline() as pipe:
            for name in names:
                pipe.type(name)
            for name, kind in zip(names, pipe.execute(), strict=True):
                if kind == b"list":
                    pipe.lrange(name, 0, -1)
                elif kind == b"zset":
                    pipe.zrange(name, 0, -1, withscores=True)
                else:
                    getattr(pipe, read[kind])(name)
            return dict(zip(names, pipe.execute(), strict=True))

    # --- clients ---

    def any_job(self) -> str:
        return self.random.choice([*self.model.jobs, "never"])

    def moment(self, *, likely: float) -> int | None:
        return self.clock() + self.random.choice([500, 3000, 20_000]) if self.random.random() < likely else None

    def new(self, **fields: Any) -> NewJob:
        which = self.random.randrange(2)
        times = {
            "run_at_ms": self.moment(likely=0.3),
            "expires_at_ms": self.moment(likely=0.3),
            "start_by_ms": self.moment(likely=0.2),
        }
        message = b'{"headers":{"id":"%d"}}' % len(self.submitted) if self.random.random() < 0.2 else b""
        common: dict[str, Any] = {"kind": KINDS[which], "queue": QUEUES[which], "tenant": self.random.choice("ab")}
        if self.random.random() < 0.4:
            choice = self.random.choice(["enqueue", "enqueue", "reject", "interrupt", "steer"])
            common |= {"conversation": self.random.choice("xy"), "when_busy": choice}
        slots = self.random.choice([None, None, 1, 3])
        job = self.board.job(**{**common, **times, "priority": self.random.randrange(10), "slots": slots, **fields})
        if message:
            job = replace(job, delivery=message.replace(b'"%d"' % len(self.submitted), b'"%s"' % job.id.encode()))
        return job

    def submit(self) -> None:
        if len(self.model.in_state(*ACTIVE)) < 12:
            self.send(self.new())

    def send(self, job: NewJob) -> None:
        ((code, found),) = self.board.run(self.board.transitions.submit([job]))
        assert code == self.model.submit(job)
        if code is SubmitCode.CREATED:
            assert found == job.id
            self.submitted.append(job)

    def submit_again(self) -> None:
        if self.submitted:
            job = self.random.choice(self.submitted)
            if job.id in self.model.jobs:
                changed = replace(job, fingerprint="another") if self.random.random() < 0.3 else job
                self.send(changed)

    def cancel(self) -> None:
        job_id = self.any_job()
        reply = self.run(self.board.transitions.cancel(job_id, "no use"))
        assert reply == self.model.cancel(job_id, "no use")

    def answer(self) -> None:
        waiting = self.model.in_state(JobState.WAITING) or [self.any_job()]
        job_id = self.random.choice(waiting)
        pending = self.model.jobs[job_id].pending if job_id in self.model.jobs else {}
        names = list(pending)
        name = self.random.choice([*names, "unasked"])
        failure = WHY if self.random.random() < 0.1 else None
        entry = self.random.choice([b'{"state":"done","value":1}', b""])
        event = to_json({"name": name, "by": f"at {len(self.told)}"})
        reply = self.run(self.board.transitions.answer(job_id, name, entry, event, failure))
        assert reply[0] == self.model.answer(job_id, name, entry, fails=failure is not None)

    def drop(self) -> None:
        ids = [self.any_job() for _ in range(3)]
        assert self.board.run(self.board.transitions.drop(ids)) == self.model.drop(ids)

    def replay(self) -> None:
        if dead := self.model.in_state(JobState.FAILED):
            origin = self.random.choice(dead)
            self.send(self.new(origin=origin, resumes=self.random.random() < 0.7))

    # --- attempts ---

    def claim(self) -> None:
        queued = self.model.in_state(JobState.QUEUED)
        job_id = self.random.choice([job for job in queued if self.delivered(job)] or queued or [self.any_job()])
        self.claim_one(job_id, f"claim-{len(self.told)}")

    def claim_again(self) -> None:
        if self.claims:
            job_id = self.random.choice(self.claims).job_id
            self.claim_one(job_id, self.model.jobs[job_id].fence if job_id in self.model.jobs else "gone")

    def delivered(self, job_id: str) -> bool:
        return any(self.board.client.zscore(self.board.keys.window(queue), job_id) is not None for queue in QUEUES)

    def claim_one(self, job_id: str, fence: str) -> None:
        delivered = self.delivered(job_id)
        reply = self.run(self.board.transitions.claim(job_id, "worker-1", fence or "none"))
        attempt = self.model.claim(job_id, fence or "none", delivered=delivered)
        assert (reply.attempt if isinstance(reply, Claim) else 0) == attempt
        if isinstance(reply, Claim):
            job = self.model.jobs[job_id]
            assert (reply.failures, reply.checkpoint, reply.ledger.keys()) == (
                job.failures,
                job.checkpoint,
                job.ledger.keys(),
            )
            self.claims.append(reply)

    def attempt(self) -> Claim:
        """An attempt that has been made at some job: three times in four one that runs."""
        running = [claim for claim in self.claims if self.model.holds(claim.job_id, claim.fence)]
        pool = running if running and self.random.random() < 0.75 else self.claims
        nobody = Claim("never", "test.echo", "a", "agents", 1, "fence", b"", {}, None, 0)
        return self.random.choice(pool or [nobody])

    def end(self, claim: Claim, outcome: Any) -> bool:
        return self.run(self.board.transitions.end(claim, outcome, Usage()))

    def finish(self) -> None:
        claim, state = self.attempt(), self.random.choice(list(ENDINGS))
        assert self.end(claim, ENDINGS[state]) == self.model.finish(claim.job_id, claim.fence, state)

    def park(self) -> None:
        claim, delay_s = self.attempt(), self.random.choice([0, 0.5, 4])
        held = Deferred(WHY, delay_s, "openai/gpt-4o", "rate", "openai/gpt-4o")
        outcome = self.random.choice([Retried(WHY, delay_s), Deferred(WHY, delay_s), held, HandedOver()])
        delay_ms = None if isinstance(outcome, HandedOver) else round(delay_s * 1000)
        failed = isinstance(outcome, Retried)
        expected = self.model.park(claim.job_id, claim.fence, delay_ms, failed=failed, held=outcome is held)
        assert self.end(claim, outcome) == expected

    def wait(self) -> None:
        claim = self.attempt()
        children = self.model.jobs[claim.job_id].children if claim.job_id in self.model.jobs else set()
        names = {job.parent_key for job in self.submitted if job.parent and job.id in children}
        asks = [question("one", within_s=0.8), question("two", within_s=5), question("three"), outcome_of("pay")]
        asks += [end_of(name.removeprefix("call:")) for name in sorted(names)]
        awaited = tuple(self.random.sample(asks, self.random.randint(1, min(4, len(asks)))))
        pending = {each.ask.name: self.pending(each) for each in awaited}
        expected = self.model.wait(claim.job_id, claim.fence, pending)
        assert self.end(claim, Waiting(awaited)) == expected

    def pending(self, awaited: Awaited) -> Pending:
        span_s = awaited.ask.expires_in_s
        until_ms = None if span_s is None else self.clock() + round(span_s * 1000)
        return Pending(awaited.target, until_ms, awaited.otherwise)

    def child(self) -> None:
        claim = self.attempt()
        name = f"call:{self.random.randrange(4)}"
        parent = Parentage(claim.job_id, claim.fence, name)
        job = replace(self.new(**asdict(parent), tenant=claim.tenant), conversation="", when_busy="enqueue")
        job = replace(job, id=f"{claim.job_id}-{name.removeprefix('call:')}")
        if len(job.id) < 30:
            self.send(replace(job, delivery=b""))

    def remember(self) -> None:
        claim, key = self.attempt(), self.random.choice(["step:a", "step:pay", "ask:one"])
        entry = self.random.choice([b'{"state":"done","value":1}', b'{"state":"started"}', b""])
        event = self.random.choice([b"", b'{"key":"a"}'])
        reply = self.run(self.board.transitions.remember(claim, key, entry, event))
        assert reply == self.model.remember(claim.job_id, claim.fence, key, entry)

    def keep(self) -> None:
        claim, value = self.attempt(), b"%d" % len(self.told)
        noted = self.run(self.board.transitions.checkpoint(claim, value))
        assert bool(noted) == self.model.keep(claim.job_id, claim.fence, value)

    def say_more(self) -> None:
        """A client says more to a job that goes on in a conversation."""
        talks = [ids[0] for (_, conversation), ids in self.model.turns.items() if conversation and ids]
        if talks and len(self.model.in_state(*ACTIVE)) < 12:
            its = self.model.jobs[self.random.choice(talks)].new
            whose = {"kind": its.kind, "queue": its.queue, "tenant": its.tenant, "conversation": its.conversation}
            self.send(self.new(**whose, when_busy="steer", run_at_ms=""))

    def steer(self) -> None:
        """An attempt takes the messages of some jobs, whether or not they are there for it."""
        offered = [job_id for job_id, job in self.model.jobs.items() if job.steers and job.state is JobState.QUEUED]
        talks = {(job.tenant, job.conversation) for job in (self.model.jobs[each].new for each in offered)}
        heads = {ids[0] for talk, ids in self.model.turns.items() if ids and talk in talks}
        running = [each for each in self.claims if each.job_id in heads and self.model.holds(each.job_id, each.fence)]
        claim = self.random.choice(running or [self.attempt()])
        wanted = self.random.sample([*offered, *self.model.jobs], k=min(12, len(offered) + len(self.model.jobs)))
        heard = self.run(self.board.transitions.steer(claim, wanted))
        taken = self.model.steer(claim.job_id, claim.fence, wanted)
        assert (None if heard is None else [message.job_id for message in heard.taken]) == taken

    def emit(self) -> None:
        claim = self.attempt()
        reply = self.board.emit(claim, "note", first=self.random.randrange(3))
        assert (reply is not None) == self.model.holds(claim.job_id, claim.fence)

    def renew(self) -> None:
        claim = self.attempt()
        (reply,) = self.run(self.board.transitions.renew([(claim.job_id, claim.fence)]))
        assert (reply is not None) == self.model.renew(claim.job_id, claim.fence)

    # --- workers ---

    def advance(self) -> None:
        self.clock.advance(self.random.choice([0.3, 0.9, 3, 11]))

    def promote(self) -> None:
        self.model.promote()
        self.board.promote()

    def release(self) -> None:
        self.model.release()
        self.run(Reservations(self.board.settings, self.clock).release(), repeatable=False)

    def expire(self) -> None:
        self.model.expire()
        self.board.expire()

    def reap(self) -> None:
        assert self.board.reap() == self.model.reap()

    def prune(self) -> None:
        self.model.prune()
        self.board.run(self.board.transitions.prune())

    def stop(self) -> None:
        ids, ask = [self.any_job() for _ in range(3)], self.random.choice(["drain", "hand_over"])
        self.run(self.board.transitions.stop("worker-1", ask, ids))
        self.model.stop(ids, ask)

    def redeliver(self) -> None:
        self.board.run(self.board.transitions.redeliver(self.any_job(), unknown_kind=self.random.random() < 0.5))

    def announce(self) -> None:
        slots = self.random.choice([{"agents": 2, "tools": 1}, {"agents": 1}, {}])
        message = {"slots": slots, "kinds": list(KINDS)}
        self.run(self.board.transitions.announce("worker-1", self.random.choice([0, 6000]), message))

    def take(self) -> None:
        """Take a delivery and lose it."""
        self.board.take_delivery(self.random.choice(QUEUES))

    def configure(self) -> None:
        """Set, change or lift a limit while jobs wait."""
        scope, tenant = self.random.choice(SCOPES)
        limits: dict[str, Any] = self.random.choice(LIMITS)
        if tenant:
            settings = TenantSettings(**limits, weight=self.random.choice([None, 0.5, 4.0]))
            self.board.run(self.board.transitions.configure(scope, settings.policy, tenant, settings.stored))
        else:
            self.board.run(self.board.transitions.configure(scope, JobLimits(**limits).policy if limits else ""))

    def resume(self) -> None:
        self.board.run(self.board.transitions.resume())

    def pack(self) -> None:
        """Pack the logs of jobs that have ended; a call that comes a second time changes nothing."""
        self.packer.tick()

    def sweep(self) -> None:
        assert self.board.run(self.board.transitions.sweep()) == [], "nothing is amiss between two calls"

    def lift_pauses(self) -> None:
        for scope, policy in self.board.client.hgetall(self.board.keys.policy).items():
            if read_policy(text(policy)).get("max_running") == 0:
                self.board.run(self.board.transitions.configure(text(scope), ""))

    def redispatch(self) -> None:
        for queue in QUEUES:
            self.run(self.board.transitions.redispatch(queue), repeatable=False)

    def replicate(self) -> None:
        client = self.board.client
        held = {name: (max(client.pttl(name), 0), client.dump(name)) for name in client.keys("*")}
        self.replicated = held, self.model.copy(), dict(self.states)

    def lose_writes(self) -> None:
        """Fall back to what was replicated last; attempts that began since then go on, and know nothing of it."""
        if self.replicated is None:
            return
        held, model, self.states = self.replicated
        self.model, self.replicated = model, None
        self.board.client.flushall()
        for name, (ttl_ms, value) in held.items():
            if value is not None:  # else it expired meanwhile
                self.board.client.restore(name, ttl_ms, value)

    def recount(self) -> None:
        """Count a part anew, whatever happens between the parts: nothing is ever wrong."""
        assert self.board.run(self.board.transitions.recount(begin=self.random.random() < 0.5)).put_right == 0

    # --- what must hold ---

    def compare(self) -> None:
        jobs = self.model.jobs
        assert self.known() == sorted(jobs)
        self.states = {job_id: state for job_id, state in self.states.items() if job_id in jobs}  # one may come again
        with self.board.client.pipeline() as pipe:
            for job_id in jobs:
                pipe.hmget(self.board.keys.job(job_id), "state", "attempt", "failures", "crashes", "stop")
                pipe.hkeys(self.board.keys.ledger(job_id))
                pipe.hkeys(self.board.keys.awaiting(job_id))
            pipe.hgetall(self.board.keys.stopping)
            *replies, stopping = pipe.execute()
        assert {text(key): text(value) for key, value in stopping.items()} == self.model.stopping
        for (job_id, job), fields, ledger, awaiting in zip(
            jobs.items(), replies[::3], replies[1::3], replies[2::3], strict=True
        ):
            state, attempt, failures, crashes, stop = fields
            seen = (text(state), int(attempt), int(failures or 0), int(crashes or 0), stop is not None)
            assert seen == (job.state, job.attempt, job.failures, job.crashes, bool(job.stop)), job_id
            assert {text(key) for key in ledger} == job.ledger.keys(), job_id
            assert {text(key) for key in awaiting} == job.pending.keys(), job_id
            self.check_change(job_id, job.state)

    def check_change(self, job_id: str, state: JobState) -> None:
        before = self.states.get(job_id)
        if before is None:
            assert state in {JobState.SCHEDULED, JobState.QUEUED}
        elif before is not state:
            assert state in TRANSITIONS.get(before, ()), f"{job_id}: {before} -> {state}"
            self.changes.append((before, state))
        self.states[job_id] = state

    def known(self) -> list[str]:
        return sorted(text(key).rpartition(":")[2] for key in self.board.client.keys(self.board.keys.job("*")))

    def look_through(self) -> None:
        assert leaks(self.board.client, self.board.settings.prefix) == []
        for job_id, job in self.model.jobs.items():
            events = self.board.events(job_id)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            ends = [event.type in TERMINAL_EVENTS for event in events]
            assert ends == [False] * (len(events) - 1) + [job.state in TERMINAL]
            assert self.board.record(job_id).state is job.state  # everything in the record can be read

    def settle_all(self) -> None:
        """Have workers take deliveries, and people answer, until every job has ended."""
        self.lift_pauses()
        for _ in range(400):
            if not self.model.in_state(*ACTIVE):
                return
            self.clock.advance(3)
            self.run(
                self.board.transitions.announce("worker-1", 6000, {"slots": {"agents": 4, "tools": 4}, "kinds": KINDS})
            )
            for act in (self.release, self.promote, self.expire, self.reap, self.redispatch, self.resume):
                act()
                self.compare()
            for queue in QUEUES:
                while job_id := self.board.take_delivery(queue):
                    self.work_off(job_id)
            for job_id in self.model.in_state(JobState.WAITING):
                self.answer_all(job_id)
        raise AssertionError(f"never ended: {self.model.in_state(*ACTIVE)}")

    def work_off(self, job_id: str) -> None:
        delivered = self.delivered(job_id)
        fence = f"{job_id} at {self.clock()}"
        reply = self.board.claim(job_id, fence=fence)
        attempt = self.model.claim(job_id, fence, delivered=delivered)
        if isinstance(reply, Refused):
            assert not attempt
            return
        self.compare()
        assert self.board.succeed(reply)
        self.model.finish(job_id, fence, JobState.SUCCEEDED)
        self.compare()

    def answer_all(self, job_id: str) -> None:
        for name in [name for name in self.model.jobs[job_id].pending if not name.startswith("call:")]:
            assert self.board.answer(job_id, name)[0]
            self.model.answer(job_id, name, b"1", fails=False)
            self.compare()


def live(board: Board, clock: Clock, seed: int, steps: int) -> History:
    history = History(board, clock, seed)
    try:
        for number in range(steps):
            history.step()
            if number % LOOK_EVERY == 0:
                history.look_through()
        history.look_through()
        history.settle_all()
        history.look_through()
    except BaseException as error:
        error.add_note(f"seed {seed}, call {len(history.told)}: ... {', '.join(history.told[-12:])}")
        raise
    return history


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"retention_s": 40, "succeeded_retention_s": 20})


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(n, marks=pytest.mark.soak) for n in range(12, 300))])
def test_any_history_agrees_with_the_model_and_every_job_in_it_comes_to_its_end(
    board: Board, clock: Clock, seed: int
) -> None:
    live(board, clock, seed, STEPS)


def test_of_a_history_that_is_past_its_retention_nothing_is_left(
    board: Board, client: redis.Redis, clock: Clock
) -> None:
    history = live(board, clock, 1000, STEPS)
    clock.advance(board.settings.retention_s)
    history.prune()
    history.pack()
    while any(board.take_delivery(queue) for queue in QUEUES):
        pass
    while not board.run(board.transitions.recount(begin=False)).over:
        pass
    set_by_hand = [board.keys.policy, *client.keys(board.keys.tenant("*"))]
    # These expire by the server's own clock.
    by_the_clock = [board.keys.rate("*"), board.keys.stats("*", "*", "*"), board.keys.stats_of_day("*")]
    by_the_clock.append(board.keys.series("*"))
    client.delete(*set_by_hand, *(key for pattern in by_the_clock for key in client.keys(pattern)))
    left = {text(key) for key in client.keys("*")}
    of_the_queues = {name(queue) for queue in QUEUES for name in (board.keys.virtual_time, board.keys.departed)}
    of_the_workers = {board.keys.workers, board.keys.served, board.keys.slots, board.keys.worker("worker-1")}
    of_the_workers |= {board.keys.kinds_seen, board.keys.recount, board.keys.offers, board.keys.sweep}
    of_all = {board.keys.arrivals, board.keys.flow, board.keys.ends, board.keys.totals}
    assert left <= of_the_queues | of_the_workers | of_all


def test_the_histories_come_to_everything_that_can_happen(board: Board, clock: Clock) -> None:
    """Guards the test above: a history in which nothing happens agrees with any model."""
    missing = {(before, after) for before, afters in TRANSITIONS.items() for after in afters}
    for seed in range(40):
        missing -= set(live(board, clock, seed, STEPS).changes)
        if not missing:
            break
        board.client.flushall()
    assert missing == set()
