"""Child jobs: made by an attempt, waited for without a slot, ended with their parent. And jobs that it only starts.

A child's id follows from its parent and the name of the call, so that an attempt after a crash finds the child that the
one before it has made.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from backdesk.worker.attempt.large_values import LargeValues
from backdesk.worker.attempt.ledger import Ledger, Suspended
from backdesk.worker.errors import FenceLost, Limited, TaskError, UnknownKind
from backdesk.worker.model.asks import Ask, AskType, Awaited
from backdesk.worker.model.child import ChildCall, ChildEnd
from backdesk.worker.model.contract import KindContract, RequestCheck, SchemaCheck
from backdesk.worker.model.job import Claim
from backdesk.worker.model.options import JobOptions
from backdesk.worker.pipeline import Pipeline
from backdesk.worker.store.jobs import NewJob, Parentage, SubmitCode, Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.submit.admission import admit, refused
from backdesk.worker.telemetry.tracing import sending, tracing

#: Children written by one call of the store.
JOBS_A_CALL = 50
#: A job that cannot call others because Redis is nearly full tries again after this time.
FULL_PAUSE_S = 10.0


class Children:
    """The child jobs of one attempt. `checks` are those of the kinds that this process can run."""

    def __init__(
        self,
        claim: Claim,
        ledger: Ledger,
        submit: Callable[[Call[Any]], Future[Any]],
        transitions: Transitions,
        values: LargeValues,
        *,
        checks: Mapping[str, RequestCheck],
        max_request_bytes: int,
        max_children: int,
    ) -> None:
        self._claim = claim
        self._ledger = ledger
        self._submit = submit
        self._transitions = transitions
        self._values = values
        self._checks = checks
        self._max_request_bytes = max_request_bytes
        self._max_children = max_children
        self._numbers: dict[str, int] = {}

    def call_all(self, calls: Sequence[ChildCall]) -> Pipeline[list[ChildEnd]]:
        """Have several jobs at work at the same time, and return how each ended, in the order of the calls.

        The attempt ends until all of them have. Raises InvalidRequest for a request that its kind does not take, and
        TaskError when the job would wait for more children at once than it may; then no child is made.
        """
        with self._ledger.in_flight():
            return (yield from self._call(calls))

    def start(
        self,
        kind: str,
        request: Any,
        key: str,
        *,
        delay: float | timedelta | None = None,
        priority: int | None = None,
    ) -> Pipeline[str]:
        """Have another job do something and go on at once; return its id, the same in each attempt and each replay.

        The job is nobody's child: it goes on whatever becomes of this one, and pays for itself. It has this job's
        tenant. Raises UnknownKind, InvalidRequest for what its kind does not take, what keeps the store from taking it,
        and TaskError (`call_changed`) when an earlier attempt has started another request by this key.
        """
        claim, check = self._claim, (yield from self._check(kind))
        yield from self._ledger.confirm()
        whose = claim.root or claim.job_id
        job_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{whose}/start:{self._ledger.check_key(key)}"))
        meant = JobOptions(tenant=claim.tenant, delay=delay, priority=priority, traceparent=self._traceparent)
        job = admit(job_id, kind, request, check, meant, max_request_bytes=self._max_request_bytes)
        job = yield from self._values.checked_in(job)
        with sending([job]) as sent:
            self._made((yield self._submit(self._transitions.submit(sent))))
        return job_id

    def _call(self, calls: Sequence[ChildCall]) -> Pipeline[list[ChildEnd]]:
        names = [self._name(call) for call in calls]
        entries = [self._ledger.entry(name) for name in names]
        missing = [(name, call) for name, call, entry in zip(names, calls, entries, strict=True) if not entry]
        if not missing:
            return (yield from self._ends(calls, [entry.value for entry in entries if entry]))
        self._check_number(len(missing))
        yield from self._ledger.confirm()
        jobs = []
        for name, call in missing:
            job = self._admit(name, call, (yield from self._check(call.kind)))
            jobs.append((yield from self._values.checked_in(job)))
        for at in range(0, len(jobs), JOBS_A_CALL):
            with sending(jobs[at : at + JOBS_A_CALL]) as sent:
                self._made((yield self._submit(self._transitions.submit(sent))))
        self._ledger.awaited += [_awaited(name, job) for (name, _), job in zip(missing, jobs, strict=True)]
        raise Suspended

    def _ends(self, calls: Sequence[ChildCall], values: Sequence[Any]) -> Pipeline[list[ChildEnd]]:
        ends = []
        for call, value in zip(calls, values, strict=True):
            ends.append(_end(call, (yield from self._values.child_end(value))))
        return ends

    def _check_number(self, new: int) -> None:
        if (number := len(self._ledger.awaited) + new) > self._max_children:
            raise TaskError(
                "too_many_children",
                f"a job waits for {self._max_children} others at once, not for {number}: call them in several rounds, "
                "or set BACKDESK_MAX_CHILDREN",
            )

    def _name(self, call: ChildCall) -> str:
        if call.key:
            return f"call:{self._ledger.check_key(call.key)}"
        self._numbers[call.kind] = self._numbers.get(call.kind, 0) + 1
        return f"call:{call.kind}-{self._numbers[call.kind]}"

    def _check(self, kind: str) -> Pipeline[RequestCheck]:
        if kind in self._checks:
            return self._checks[kind]
        announced = yield self._submit(self._transitions.contract(kind))
        if announced is None:
            raise UnknownKind(kind, sorted(self._checks))
        return SchemaCheck(KindContract.model_validate_json(announced))

    def _admit(self, name: str, call: ChildCall, check: RequestCheck) -> NewJob:
        claim = self._claim
        inherited = {"priority": claim.priority, "expires": claim.expires_at, "metadata": claim.metadata}
        options = JobOptions(tenant=claim.tenant, traceparent=self._traceparent, **(inherited | call.given()))
        job_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{claim.job_id}/{name}"))
        parent = Parentage(claim.job_id, claim.fence, name)
        return admit(
            job_id, call.kind, call.request, check, options, max_request_bytes=self._max_request_bytes, parent=parent
        )

    @property
    def _traceparent(self) -> str | None:
        """The trace context that other jobs are given: the attempt's own where that is told of, else this job's."""
        return None if tracing() else self._claim.traceparent or None

    def _made(self, replies: Sequence[tuple[SubmitCode, str]]) -> None:
        for code, job_id in replies:
            if code is SubmitCode.ORPHAN:
                raise FenceLost
            if code is SubmitCode.STORE_FULL:
                raise Limited(FULL_PAUSE_S, "Redis is nearly full, and takes no called jobs now")
            if error := refused(code, job_id, tenant=self._claim.tenant):
                raise error
            if code is SubmitCode.CONFLICT:
                raise TaskError(
                    "call_changed", f"an earlier attempt made the same call with another request, as job {job_id}"
                )


def _end(call: ChildCall, value: Any) -> ChildEnd:
    end = ChildEnd if call.result is None else ChildEnd[call.result]  # type: ignore[name-defined]  # known at run time
    return end.model_validate(value)


def _awaited(name: str, job: NewJob) -> Awaited:
    facts = {"job_id": job.id, "kind": job.kind}
    return Awaited(Ask(type=AskType.CHILD, name=name, prompt=f"Job {job.kind}", facts=facts), name)
