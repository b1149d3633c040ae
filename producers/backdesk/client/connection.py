"""A client's connection, for blocking code, and how it carries out operations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from backdesk.client.operation import Calls, Commands, Operation
from backdesk.client.operations.answers import Answers
from backdesk.client.operations.conversations import Conversations
from backdesk.client.operations.dead_letters import DeadLetters
from backdesk.client.operations.deployment import SystemInfo
from backdesk.client.operations.job_limits import LimitsOfJobs
from backdesk.client.operations.jobs import JobCore, Replies
from backdesk.client.operations.notes import Journals
from backdesk.client.operations.overview import Overviews
from backdesk.client.operations.schedules import Schedules
from backdesk.client.operations.service_limits import ServiceLimits
from backdesk.client.operations.spending import Spendings
from backdesk.client.operations.stats import Statistics
from backdesk.client.operations.steps import Memories
from backdesk.client.operations.tenants import Tenants
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.model.contract import RequestCheck
from backdesk.worker.settings import Settings, load_settings
from backdesk.worker.store.connection import UNREACHABLE, connect, translated
from backdesk.worker.store.scripts import run, run_pipelined

T = TypeVar("T")

#: An operation that finds its connection broken is repeated, since none does harm twice; then the caller is told.
ATTEMPTS = 3
PAUSE_S = 0.1


class Operations:
    """What can be asked of a deployment, by subject, whichever way a client carries it out."""

    def __init__(
        self,
        url: str | None = None,
        *,
        settings: Settings | None = None,
        checks: Mapping[str, RequestCheck] | None = None,
    ) -> None:
        self._settings = settings = settings or load_settings(**({"redis_url": url} if url else {}))
        self._core = core = JobCore(settings, checks)
        self._answers, self._dead, self._memories = Answers(core), DeadLetters(core), Memories(core)
        self._services = ServiceLimits(core)
        self._conversations, self._journals = Conversations(core), Journals(core)
        self._schedules = Schedules(core)
        self._spendings = Spendings(core)
        self._system, self._statistics = SystemInfo(core), Statistics(core)
        self._tenants, self._job_limits, self._overviews = Tenants(core), LimitsOfJobs(core), Overviews(core)
        self._timeout_s = settings.socket_timeout_s


class BlockingClient(Operations):
    """A connection to one deployment, which carries out operations in the thread that asks."""

    def __init__(
        self,
        url: str | None = None,
        *,
        settings: Settings | None = None,
        checks: Mapping[str, RequestCheck] | None = None,
    ) -> None:
        super().__init__(url, settings=settings, checks=checks)
        self.redis = connect(self._settings.url, self._timeout_s)

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self.redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, operation: Operation[T]) -> T:
        try:
            step = next(operation)
            while True:
                step = operation.send(self._answer(step))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns

    def _answer(self, step: Commands | Calls) -> Replies:
        patience_ends = time.monotonic() + self._timeout_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated():
                    return self._ask(step)
            except StoreUnavailable as error:
                late = attempt == ATTEMPTS or time.monotonic() >= patience_ends
                if late or not isinstance(error.__cause__, UNREACHABLE):
                    raise
                time.sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _ask(self, step: Commands | Calls) -> Replies:
        if isinstance(step, Calls) and len(step.calls) == 1:
            return [run(self.redis, step.calls[0])]
        if isinstance(step, Calls):
            return raise_first(run_pipelined(self.redis, step.calls))
        with self.redis.pipeline(transaction=False) as pipe:
            for command in step.commands:
                pipe.execute_command(*command)
            return pipe.execute()


def raise_first(replies: Replies) -> Replies:
    """Return the replies, unless one of them is an error."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}
