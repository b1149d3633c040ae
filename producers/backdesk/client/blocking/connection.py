"""A client's connection, and how it carries out operations."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

import time
from time import sleep
from typing import Any, Self, TypeVar

from backdesk.client.blocking.gateway import Gateway
from backdesk.client.channels.blocking import Channels
from backdesk.client.deployment import Deployment
from backdesk.client.operations.jobs import Replies
from backdesk.client.operations.operation import (
    Calls,
    Commands,
    HttpRequest,
    InArchive,
    InBlobs,
    Operation,
    Step,
    raise_first,
)
from backdesk.worker.errors import (
    ArchiveUnavailable,
    BackdeskError,
    BlobError,
    ConfigurationError,
    NotPermitted,
    StoreUnavailable,
)
from backdesk.worker.store.archive import Archive, open_archive
from backdesk.worker.store.connection import connect, needs_new_connection, translated
from backdesk.worker.store.rights import RightsCalls
from backdesk.worker.store.scripts import run, run_pipelined
from backdesk.worker.submit.blob_access import blobs_of

T = TypeVar("T")

#: An operation that finds its connection broken, or its server demoted, is repeated, since none does harm twice; then
#: the caller is told. The pauses add up to more than a connection to a demoted server is kept for being young.
ATTEMPTS = 4
PAUSE_S = 0.1


class Connection:
    """A connection to one deployment. `redis` is for what no method does, `channels` for what is followed."""

    def __init__(self, deployment: Deployment, key: str | None = None) -> None:
        self.deployment = deployment
        self.timeout_s = deployment.settings.socket_timeout_s
        #: Where it goes over HTTP; then there are no `redis` and `channels`.
        self.gateway: Gateway | None = None
        if deployment.gateway is not None:
            self.gateway = Gateway(deployment.gateway, key, self.timeout_s)
        else:
            self.redis = connect(deployment.url, self.timeout_s)
            self.channels = Channels(deployment.url, self.timeout_s)
        #: Whether Redis has ever answered: if so, its address is right, and it is worth waiting for.
        self.reached = False
        self._permitted = False
        self._archive: Archive | None = None
        self._blobs = blobs_of(deployment.settings, deployment.url)

    def close(self) -> None:
        """Close the connections. Idempotent. Whoever still follows a job by this client gets StoreUnavailable."""
        if self.gateway is not None:
            self.gateway.close()
            return
        self.channels.close()
        self.redis.close()
        if self._archive is not None:
            self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, operation: Operation[T]) -> T:
        """Carry out an operation. Raises StoreUnavailable, which says what to do, and what the operation raises.

        Where it asks the archive it raises ArchiveUnavailable, and ConfigurationError for want of what that needs.

        The first that may write raises NotPermitted, and writes nothing, where the user lacks rights that scripts need.
        """
        try:
            step = next(operation)
            while True:
                try:
                    replies = self._answer(step)
                except BackdeskError as error:
                    if not isinstance(error, ArchiveUnavailable | BlobError) and not isinstance(step, HttpRequest):
                        raise
                    step = operation.throw(error)
                else:
                    step = operation.send(replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns

    def _answer(self, step: Step) -> Replies:
        if isinstance(step, HttpRequest):
            assert self.gateway is not None  # noqa: S101 - such operations are of clients that go there
            return [self.gateway.answer(step)]
        if self.gateway is not None:
            raise ConfigurationError("this is not served over HTTP: have a client on Redis do it")
        if isinstance(step, InArchive):
            return [self._look_up(step)]
        if isinstance(step, InBlobs):
            return [self._with_blobs(step)]
        patience_ends = time.monotonic() + self.timeout_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated():
                    self._check_rights(step)
                    return self._ask(step)
            except NotPermitted:
                raise
            except StoreUnavailable as error:
                late = attempt == ATTEMPTS or time.monotonic() >= patience_ends
                if late or not needs_new_connection(error.__cause__ or error):
                    raise StoreUnavailable(self.deployment.trouble(error)) from error.__cause__
                sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _with_blobs(self, step: InBlobs) -> Any:
        return step.do(self._blobs.store)

    def _look_up(self, step: InArchive) -> Any:
        """Ask the archive, of which the library is loaded when it is first asked."""
        if self._archive is None:
            self._archive = open_archive(self.deployment.settings)
        return step.ask(self._archive)

    def _check_rights(self, step: Commands | Calls) -> None:
        if self._permitted or not (isinstance(step, Calls) and any(call.script.writes for call in step.calls)):
            return
        (run(self.redis, RightsCalls(self.deployment.settings).missing())).check()
        self._permitted = True

    def _ask(self, step: Commands | Calls) -> Replies:
        if isinstance(step, Calls) and len(step.calls) == 1:
            replies = [run(self.redis, step.calls[0])]
        elif isinstance(step, Calls):
            replies = raise_first(run_pipelined(self.redis, step.calls))
        else:
            with self.redis.pipeline(transaction=False) as pipe:
                for command in step.commands:
                    pipe.execute_command(*command)
                replies = pipe.execute()
        self.reached = True
        return replies
