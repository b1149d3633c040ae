"""`JobClient`: submit jobs, follow them, steer them."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from time import sleep
from typing import Any, Literal, Unpack, overload

from backdesk.client.blocking.attachments import Attachments
from backdesk.client.blocking.audit import Audit
from backdesk.client.blocking.blobs import Blobs
from backdesk.client.blocking.breakers import Breakers
from backdesk.client.blocking.conversations import Conversations
from backdesk.client.blocking.dead import DeadLetters
from backdesk.client.blocking.desk import Desk
from backdesk.client.blocking.erasure import Erasure
from backdesk.client.blocking.following import Following
from backdesk.client.blocking.http_watch import HttpWatch
from backdesk.client.blocking.job import Job
from backdesk.client.blocking.keys import ApiKeyRing
from backdesk.client.blocking.knowledge import Knowledge
from backdesk.client.blocking.limits import Limits
from backdesk.client.blocking.maintenance import Maintenance
from backdesk.client.blocking.pauses import Pauses
from backdesk.client.blocking.reports import Reports
from backdesk.client.blocking.schedules import Schedules
from backdesk.client.blocking.sessions import PeopleSessions
from backdesk.client.blocking.tenants import Tenants
from backdesk.client.blocking.watch import Watch
from backdesk.client.blocking.webhooks import Webhooks
from backdesk.client.contracts import Request, Result, TypedKind, model_of, read_kind
from backdesk.client.deployment import find_deployment
from backdesk.client.operations.answers import AnswerOperations
from backdesk.client.operations.asks import AskOperations, Asks
from backdesk.client.operations.forgetting import ForgettingOperations
from backdesk.client.operations.jobs import Events, Ids
from backdesk.client.operations.lists import FieldSet, JobPage, ListOperations, RowPage
from backdesk.client.operations.patience import Patience
from backdesk.client.operations.prompts import PromptOperations, Prompts, SentRequests
from backdesk.client.operations.rewinding import RewindOperations
from backdesk.client.operations.steps import Memory, MemoryOperations
from backdesk.client.over_http.jobs import HttpJobs
from backdesk.client.over_http.served import jobs_of, served
from backdesk.client.over_http.transport import WAIT_S, passes
from backdesk.worker.errors import ConfigurationError, ResultTimeout, StoreUnavailable
from backdesk.worker.model.asks import APPROVE, DENY, AskType
from backdesk.worker.model.contract import RequestCheck
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.options import JobOptions, Options
from backdesk.worker.settings import Settings
from backdesk.worker.store.listing import JobFilter
from backdesk.worker.submit.reply import Reply, check_outcome

# Named here because inside the client `list` is a method.
Jobs = list[Job[Result]]


class JobClient(Reports):
    """A connection to one deployment; close it, or open it by `with`.

    Without a `url` it goes to the Redis of BACKDESK_REDIS_URL, or else of the `backdesk up` in this folder. Threads may
    share the blocking client; the asyncio one belongs to one event loop. Each method raises StoreUnavailable when Redis
    cannot be reached or does not answer in time.

    What is done every day is a method here. The rest are groups: `schedules`, `dead` letters, `tenants`, `limits`,
    `breakers`, `pauses`, `conversations`, `attachments`, `blobs`, `maintenance`, the service `desk`, `knowledge`,
    `erasure`, `webhooks`; `keys`, `sessions` and `audit` of the gateway.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        settings: Settings | None = None,
        checks: Mapping[str, RequestCheck] | None = None,
    ) -> None:
        deployment = find_deployment(url, settings)
        if key is not None and deployment.gateway is None:
            raise ConfigurationError("a key is for a gateway: give the URL of one, with https:")
        core = jobs_of(deployment, checks)
        super().__init__(deployment, core, key)
        self._rewinding, self._forgetting = served(core, RewindOperations), served(core, ForgettingOperations)
        self._answers, self._memories = served(core, AnswerOperations), served(core, MemoryOperations)
        self._prompts = served(core, PromptOperations)
        self._asks, self._lists = served(core, AskOperations), served(core, ListOperations)
        self.schedules, self.dead = Schedules(self), DeadLetters(self)
        self.tenants, self.limits, self.breakers = Tenants(self), Limits(self), Breakers(self)
        self.desk, self.erasure, self.knowledge = Desk(self), Erasure(self), Knowledge(self)
        self.conversations, self.maintenance, self.pauses = Conversations(self), Maintenance(self), Pauses(self)
        self.attachments, self.blobs = Attachments(self), Blobs(self)
        self.webhooks = Webhooks(self)
        self.keys, self.sessions, self.audit = ApiKeyRing(self), PeopleSessions(self), Audit(self)

    # Jobs: submit them, follow them, end them, do them again

    @overload
    def submit(
        self,
        kind: TypedKind[Request, Result],
        request: Request | Mapping[str, Any],
        *,
        job_id: str | None = None,
        **options: Unpack[Options],
    ) -> Job[Result]: ...

    @overload
    def submit(
        self, kind: str, request: object, *, job_id: str | None = None, **options: Unpack[Options]
    ) -> Job[Any]: ...

    def submit(
        self, kind: str | TypedKind[Any, Any], request: object, *, job_id: str | None = None, **options: Unpack[Options]
    ) -> Job[Any]:
        """Write one job and return it.

        `kind` is a name, and the result JSON; or a contract or a function decorated with `@task`, and the result is
        its model. `request` is a pydantic model or a dict; `priority` goes from 0 to 9, 9 first; `delay` (seconds) or
        `at` postpone the job. Three limits end it: `expires` unless it is done by then, `start_by` unless it has begun
        by then (each a moment, or a time from now), `timeout` is how long one attempt may take. `retry`, a RetryPolicy
        or its fields, takes the place of the kind's policy. `budget`, a Budget or its fields, is what the job may
        spend, with the jobs that it calls; it takes the place of the kind's budget. `slots` is how many slots of its
        worker it takes, 1 to 1,000, in place of those of the kind. Without a `priority` it has the tenant's.

        The same idempotency key, or job id, with the same request returns the existing job; with another request it
        raises IdempotencyConflict. The key finds the job as long as that is kept, or for `idempotency_ttl` (seconds or
        a timedelta), or with `idempotency_while_active` until it has ended. A key that lasts longer than its job is
        kept still keeps another from being made; what is returned is `forgotten` then.

        Jobs of a tenant with one `conversation_id` run one at a time, in their order. While another goes on, a new one
        waits, or by `when_busy` is refused (`"reject"`: ConversationBusy, which names the other), cancels those that
        came before it (`"interrupt"`), or offers its message to the one that goes on (`"steer"`): if that takes it
        up, this job ends as `steered`, and `result` is the result of the other. Raises InvalidRequest (UnknownKind,
        PayloadTooLarge) before anything is written, also for a tenant that may not have such jobs.
        """
        meant = read_kind(kind)
        written = self.do(self.core.submit(meant, request, JobOptions(**options), job_id))
        return Job(written.id, written.created, self, model_of(meant), written.forgotten)

    @overload
    def submit_many(
        self,
        kind: TypedKind[Request, Result],
        requests: Iterable[Request | Mapping[str, Any]],
        *,
        batch: str | None = None,
        idempotency_keys: Iterable[str] | None = None,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[Options],
    ) -> Jobs[Result]: ...

    @overload
    def submit_many(
        self,
        kind: str,
        requests: Iterable[object],
        *,
        batch: str | None = None,
        idempotency_keys: Iterable[str] | None = None,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[Options],
    ) -> Jobs[Any]: ...

    def submit_many(
        self,
        kind: str | TypedKind[Any, Any],
        requests: Iterable[object],
        *,
        batch: str | None = None,
        idempotency_keys: Iterable[str] | None = None,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[Options],
    ) -> Jobs[Any]:
        """Write thousands of jobs of one kind in a few round trips; the options hold for each of them.

        A call that breaks off may have written some of them. Called again with the same `batch`, a name of your own
        choosing, and the same requests, it writes the others: ids follow from the tenant, the batch and the position.
        `idempotency_keys`, one for each request, hold beyond the call, as that of `submit` does. `progress` is called
        after each round trip, with how many are written.

        Raises InvalidRequest, with the position as in `[3].message`, before any of them is written, and
        IdempotencyConflict for a key or a place in the batch that belongs to another request.
        """
        meant = read_kind(kind)
        many = self.core.submit_many(meant, requests, JobOptions(**options), batch, idempotency_keys, progress=progress)
        return [Job(written.id, written.created, self, model_of(meant), written.forgotten) for written in self.do(many)]

    def get(self, job_id: str) -> JobRecord:
        """Return a job's record as it is now; raises JobNotFound."""
        return self.do(self.core.get(job_id))

    def result(self, job_id: str, timeout: float | None = None) -> Any:
        """Wait, at most `timeout` seconds, until a job ends, and return its result as JSON data.

        Of a job that was `steered` that is the result of the job which has taken its message. A Redis that is away
        meanwhile is waited for, as by `watch`. Raises JobFailed when it ended without one, ResultTimeout when it goes
        on, JobNotFound.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        record = self.wait(job_id, timeout)
        if record.steered_into is not None:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            record = self.wait(record.steered_into, left)
        return self.do(self.core.outcome_of(record))

    def wait(self, job_id: str, timeout: float | None = None) -> JobRecord:
        """Wait, at most `timeout` seconds, until a job ends, however it does, and return its record.

        Nobody streams for one who only waits. Raises ResultTimeout when it goes on, JobNotFound.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if isinstance(self.core, HttpJobs):
            return self._wait_over_http(self.core, job_id, timeout, deadline)
        read, ended = partial(self.get, job_id), partial(self._ended, job_id)
        with Following(self, self.core.keys.ended(job_id), deadline) as following:
            record = following.look(read)
            while not record.done and following.left() > 0:
                following.follow()
                if following.look(ended):
                    record = following.look(read)
                else:
                    following.heard()
            if not record.done:
                record = following.look(read)  # nobody is told that it goes on by a Redis that is away
        if not record.done:
            raise ResultTimeout(job_id, timeout or 0.0)
        return record

    def _wait_over_http(self, core: HttpJobs, job_id: str, timeout: float | None, deadline: float | None) -> JobRecord:
        patience_s, patience = self.deployment.settings.outage_patience_s, None
        while True:
            left_s = WAIT_S if deadline is None else max(deadline - time.monotonic(), 0.0)
            try:
                record = self.do(core.get_later(job_id, min(left_s, WAIT_S)))
            except StoreUnavailable as error:
                if self.gateway is None or not self.gateway.reached:
                    raise
                patience = patience or Patience(patience_s, deadline, passes=passes)
                sleep(patience.pause_after(error))
                continue
            if record.done:
                return record
            if deadline is not None and time.monotonic() >= deadline:
                raise ResultTimeout(job_id, timeout or 0.0)
            patience = None

    def _done(self, job_id: str) -> bool:
        return (self.get(job_id)).done

    def _ended(self, job_id: str) -> bool:
        return self.do(self.core.ended(job_id))

    def events(self, job_id: str, after: int = 0) -> Events:
        """Return what a job's event log holds beyond the event number `after`; raises JobNotFound, InvalidRequest."""
        return (self.progress(job_id, after))[0]

    def progress(self, job_id: str, after: int = 0) -> tuple[Events, bool]:
        """Return what `events` returns, and whether the job has ended, so that no more will come."""
        return self.do(self.core.events(job_id, after))

    def watch(self, job_id: str, after: int = 0, *, deadline: float | None = None) -> Watch:
        """Follow a job's events, from the first or from beyond `after`, until it ends.

        Iterate over the value with `for`; opened by `with` it is subscribed from the beginning of the
        block, so that a job submitted inside is watched from its first moment. Iteration raises JobNotFound when there
        is no such job, and ends early at `deadline` (of `time.monotonic()`). A Redis that goes away is waited for, at
        most BACKDESK_OUTAGE_PATIENCE_S and not beyond the deadline; then it goes on where it was.
        """
        if self.gateway is not None:
            patience_s = self.deployment.settings.outage_patience_s
            ended = partial(self._done, job_id)
            return HttpWatch(self.gateway, job_id, ended, after, deadline=deadline, patience_s=patience_s)
        following = Following(self, self.core.keys.progress(job_id), deadline)
        return Watch(following, partial(self.progress, job_id), after)

    @overload
    def list(
        self,
        *,
        state: JobState | None = None,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        fields: Literal["record"] = "record",
    ) -> JobPage: ...

    @overload
    def list(
        self,
        *,
        state: JobState | None = None,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        fields: Literal["row"],
    ) -> RowPage: ...

    def list(
        self,
        *,
        state: JobState | None = None,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        fields: FieldSet = "record",
    ) -> JobPage | RowPage:
        """Return a page of jobs that fit, the newest first; `cursor`, that of a page, goes on behind it.

        Those of a tenant in any state, or queued, are ordered by creation, all others by their last change of state.
        `code` is that of the error of jobs that failed. With `fields="row"` each is a JobRow: it lacks what the job was
        given and gave, and has a `subject`.

        There is an index of each state, also with a tenant or a kind, and of each code; what is left, and those of a
        tenant or a kind that run, are looked for in the smallest of them, in 2,000 jobs a call. A page that is not
        `complete` ended there: go on with its cursor.

        Not atomic: a job that changes its state between two pages may be on both, or on neither. Raises InvalidRequest.
        """
        meant = JobFilter(JobState.FAILED if code is not None and state is None else state, tenant, kind, code)
        return self.do(self._lists.page(meant, limit, cursor, fields))

    def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> JobState:
        """End a job that has not ended; returns at once, with the state it is in now. Idempotent.

        That is `cancelled`, or `running` while its attempt is being stopped: within about a second as a rule, and its
        record says `cancelling` meanwhile. Its children are cancelled with it. Raises NotCancellable when it has ended
        otherwise, JobNotFound.
        """
        return self.do(self.core.cancel(job_id, reason))

    def forget(self, job_id: str) -> None:
        """Forget a job that has ended, with its log, its ledger and all else that is its own, also in the archive.

        Jobs that it called stay, as do its conversation and its notes; large values and files that no job names any
        more are swept. What is in Redis goes in one atomic step. Raises NotForgettable while the job goes on, or the
        jobs that it called are being cancelled; JobNotFound, also when it was forgotten before.
        """
        self.do(self._forgetting.forget(job_id))

    def pause(self, job_id: str, *, by: str = "", note: str = "") -> JobState:
        """Have one job pause: it waits, and holds no slot, until `resume`. Returns at once, with its state now.

        What runs pauses at its next checkpoint, or before its next step; a body without any runs to its end. All else
        pauses when it would begin. It keeps what it has done, and expires when it would have. `by` and `note` say who
        and why. Idempotent. Raises InvalidRequest when it has ended, JobNotFound. Not atomic.
        """
        return self.do(self._answers.pause(job_id, by, note))

    def resume(self, job_id: str, *, by: str = "", note: str = "") -> bool:
        """Have a paused job go on where it was; returns whether it was paused, or was to be. Raises as `pause`."""
        return self.do(self._answers.resume(job_id, by, note))

    def rewind(
        self,
        job_id: str,
        *,
        to: str | int,
        request: object | None = None,
        values: Mapping[str, Any] | None = None,
        repeat: bool = False,
    ) -> Job[Any]:
        """Do a job that failed, was cancelled or expired again from a step of its own, as a new job, and return that.

        `to` is the key of a step, question or call (`step:…`, `ask:…` or `call:…` where one key names several), or its
        position in `memory`. What was before it is taken over; it and all after it are done anew, and the checkpoint is
        not restored. Of the new job `request` is the request, and `values` the results of these steps, whether they
        were before or after. Steps keep their idempotency keys. The jobs name each other, as `origin` and
        `replayed_as`. Tenant, priority, metadata, timeout, retry policy, budget and slots are those of the first.

        Raises NotReplayable, with their names, when unsafe steps, such of unknown effect or outcome, or called jobs
        would be done again, unless `repeat` says that it is meant; in a job that has had a checkpoint that is so of all
        of them, as it may do them under other keys. Raises it also for a job that goes on or has succeeded, and a `to`
        that is none; InvalidRequest, and what `submit` raises. Idempotent while the new job goes on or has succeeded.
        """
        edited = values or {}
        written = self.do(self._rewinding.rewind(job_id, to, request, edited, repeat=repeat))
        return Job(written.id, written.created, self)

    def memory(self, job_id: str) -> Memory:
        """Return what a job has finished and been told: its steps, answers and called jobs; raises JobNotFound."""
        return self.do(self._memories.of(job_id))

    def sent(self, job_id: str) -> SentRequests:
        """Return the requests of a job to models, as they were sent but for masks; raises JobNotFound.

        One whose `body` or part is not kept (any more) says so by `missing`.
        """
        return self.do(self._prompts.sent(job_id))

    def prompts(self, kind: str) -> Prompts:
        """Return what the agents of a kind are told, as its workers announce it; raises UnknownKind."""
        return self.do(self._prompts.of_kind(kind))

    def children(self, job_id: str) -> Ids:
        """Return the ids of the jobs that a job has called."""
        return self.do(self._memories.children(job_id))

    # What a waiting job asks, and is told

    def asks(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        within: float | timedelta | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Asks:
        """Return a page of what jobs ask of people, the most urgent first; what has no deadline comes last.

        Of a tenant or a kind of jobs if it is named; `within` (seconds or a timedelta) leaves those that are to be
        answered by then, 0 those whose time is over. Jobs that wait for others alone are not among them. `cursor`, that
        of a page, goes on behind it. Not atomic over several pages. Raises InvalidRequest.
        """
        return self.do(self._asks.list(tenant, kind, within, limit, cursor))

    def approve(self, job_id: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Let a waiting job do what it asks approval for; it goes on at once.

        `ask` names which of several approvals is meant. `by` and `note` are kept with the answer. Raises NotWaiting
        when the job waits for nobody, AskUnknown when it is not clear what is meant, JobNotFound.
        """
        self.do(self._answers.give(job_id, Reply(AskType.APPROVAL, APPROVE, by, note, ask)))

    def deny(self, job_id: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Refuse a waiting job what it asks approval for; see `approve`. What it does then is its own business."""
        self.do(self._answers.give(job_id, Reply(AskType.APPROVAL, DENY, by, note, ask)))

    def answer(self, job_id: str, answer: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Answer a question of a waiting job, in words or by one of its choices; see `approve`.

        Raises InvalidRequest for what is none of the choices.
        """
        self.do(self._answers.give(job_id, Reply(AskType.QUESTION, answer, by, note, ask)))

    def resolve(
        self, job_id: str, outcome: str, result: Any = None, *, by: str = "", note: str = "", ask: str | None = None
    ) -> None:
        """Say what became of a step that must not be repeated and whose outcome nobody knows; see `approve`.

        `done`: it took effect, and `result` is what it would have returned. `repeat`: it did not; it runs again.
        `fail`: the job ends, with the code `step_failed`. Raises InvalidRequest for anything else.
        """
        check_outcome(outcome, result)
        self.do(self._answers.give(job_id, Reply(AskType.OUTCOME, outcome, by, note, ask, result)))
