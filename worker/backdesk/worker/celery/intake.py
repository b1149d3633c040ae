"""The intake: messages of plain Celery clients, in services that have no backdesk, become jobs.

Such a client leaves its message in our inbox, a Redis list, or in one of its own that we are to look into. The elected
worker reads the lists' tails, writes each message as a job under its task id, and only then removes it: no message is
lost between the two, and one that is read twice is found again by its id. In our inbox everything is meant for us, and
what is wrong with it is told to the sender. Of a list of others only a task that is called like a kind here is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import redis
from celery import Celery
from celery.app.task import Context
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from backdesk.worker.attempt.known_kinds import KnownKinds
from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.celery.inbox import Inbox, inboxes
from backdesk.worker.celery.messages import ForeignMessage, NoTaskMessage, read_foreign, task_name
from backdesk.worker.errors import BlobError, BlobStoreUnavailable, InvalidRequest, StoreFull, TaskError
from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.job import DEFAULT_TENANT
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings, celery_queue
from backdesk.worker.store.jobs import NewJob, SubmitCode, Transitions
from backdesk.worker.store.key_watch import LONGEST_WAIT_S, LOOK_AGAIN_S, KeyWatch
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import run
from backdesk.worker.submit.admission import admit, refused
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import check_in
from backdesk.worker.text.json import excerpt

log = logging.getLogger(__name__)

#: Raised while Redis cannot serve: the message stays where it is and is taken in later.
AWAY = (RedisError, OperationalError, OSError, StoreFull, BlobStoreUnavailable)
#: What Celery embeds in a message about the tasks around it.
_LINKS = ("callbacks", "errbacks", "chain", "chord")


class Intake(PeriodicService):
    """Turns the messages in the inboxes into jobs, while `leads` says that this worker is the elected one."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        app: Celery,
        kinds: Mapping[str, TaskSpec],
        leads: Callable[[], bool],
    ) -> None:
        self._watch = KeyWatch(client)
        super().__init__(
            Periodic("intake", LONGEST_WAIT_S, self.take_in, retry_s=LOOK_AGAIN_S, watch=self._watch),
        )
        self._client = client
        self._settings = settings
        self._app = app
        self._kinds = KnownKinds(client, settings, kinds)
        self._leads = leads
        self._keys = Keys(settings.prefix)
        self._transitions = Transitions(settings)
        self._blobs = blobs_of(settings)
        self._inboxes = list(inboxes(settings.inbox, settings.shared_inboxes))

    def take_in(self) -> float | None:
        """Take in everything for us that the inboxes hold now; of what is not, a page of each list is passed over.

        Gives in how many seconds a list has rested that is not looked at now.
        """
        while self._leads() and self._round():
            pass
        return min(filter(None, (inbox.rest_s for inbox in self._inboxes)), default=None)

    def _round(self) -> bool:
        due = [inbox for inbox in self._inboxes if not inbox.rest_s]
        pages = self._watch.read(*(inbox.next_page for inbox in due))
        return sum(self._empty(inbox, page) for inbox, page in zip(due, pages, strict=True)) > 0

    def _empty(self, inbox: Inbox, page: list[Any]) -> int:
        """Take what is ours out of a page, oldest first; returns how much there was."""
        ours = self._ours(page) if inbox.shared and page else page
        for raw in reversed(ours):
            self._take(raw)
            self._client.lrem(inbox.name, -1, raw)
        inbox.note(len(page), len(page) - len(ours))
        return len(ours)

    def _ours(self, page: list[Any]) -> list[Any]:
        known = self._kinds.names()
        return [raw for raw in page if task_name(raw) in known]

    def _take(self, raw: bytes) -> None:
        try:
            message = read_foreign(raw)
        except NoTaskMessage as error:
            log.error("message_dropped", extra={"reason": str(error), "item": excerpt(raw)})  # noqa: TRY400 - the reason is the sender's mistake, not a fault of ours
            return
        try:
            self._submit(message)
        except InvalidRequest as error:
            self._reject(message, error)
        except AWAY:
            raise
        except Exception:
            # Left where it is, it would be read again for ever and hold up all that come after it.
            log.exception("message_dropped", extra={"reason": "it cannot be taken in", "item": excerpt(raw)})

    def _submit(self, message: ForeignMessage) -> None:
        request, options = message.job()
        check = self._kinds.check(message.kind)
        limit = self._settings.largest_request_bytes
        job = admit(message.id, message.kind, request, check, options, max_request_bytes=limit)
        if len(job.request) > self._settings.inline_request_bytes:
            job = self._checked_in(job)
        job = message.with_delivery(job, celery_queue(self._settings.prefix, job.queue))
        ((code, found),) = run(self._client, self._transitions.submit([job]))
        if error := refused(code, found, tenant=job.tenant):
            raise error
        if code is SubmitCode.CONFLICT:
            log.error(
                "message_dropped",
                extra={"reason": "task id already used by another job", "job_id": message.id},
            )

    def _checked_in(self, job: NewJob) -> NewJob:
        try:
            return check_in(job, self._blobs.store)
        except BlobStoreUnavailable:
            raise
        except BlobError as error:
            raise InvalidRequest("request", str(error)) from error

    def _reject(self, message: ForeignMessage, error: InvalidRequest) -> None:
        """Record a failed job, and tell Celery's side: the caller's result, error links and chains."""
        failure = Failure(code="invalid_request", message=str(error), category=Category.VALIDATION, fields=error.fields)
        log.warning("message_refused", extra={"job_id": message.id, "kind": message.kind, "reason": str(error)})
        tenant = message.tenant or DEFAULT_TENANT
        recorded = run(self._client, self._transitions.reject(message.id, message.kind, tenant, failure))
        # Not recorded may also mean: by us, before this worker died and could tell the sender.
        if recorded or self._refused_before(message.id, failure):
            self._tell_sender(message, failure)

    def _refused_before(self, job_id: str, failure: Failure) -> bool:
        # Read, not compared as text: a worker of another version may have written it.
        error = self._client.hget(self._keys.job(job_id), "error")
        return error is not None and Failure.model_validate_json(error) == failure

    def _tell_sender(self, message: ForeignMessage, failure: Failure) -> None:
        context = Context(message.headers, args=message.args, kwargs=message.kwargs, delivery_info={})
        context.update({name: message.embed.get(name) for name in _LINKS})
        try:
            error = TaskError(failure.code, failure.message)
            self._app.backend.mark_as_failure(message.id, error, request=context, store_result=message.wants_result)
        except AWAY:
            raise
        except Exception:
            log.exception("sender_not_told", extra={"job_id": message.id})
