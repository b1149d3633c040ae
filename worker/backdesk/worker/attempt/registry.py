"""The kinds of job that this process can run: filled by `@task` while the task modules load."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.failure import Failure
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.prompt import AnnouncedPrompt
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.version import ANEW, Mismatch, contract_version
from backdesk.worker.store.terms import Terms

Body = Callable[[Any, Any], Any]
#: Gives an answer in place of the body's: takes (ctx, request, failure).
Fallback = Callable[[Any, Any, Failure], Any]
#: Says of a failure whether the fallback answers in its place.
FallbackFor = Callable[[Failure], bool]

#: What is tried again when a kind says nothing about it.
USUAL_RETRY = RetryPolicy()


@dataclass(frozen=True)
class TaskSpec:
    """A kind of job that this process can run."""

    kind: str
    queue: str
    body: Body
    request: type[BaseModel]
    result: type[BaseModel]
    #: Whether the body runs on the process's event loop.
    is_async: bool
    retry: RetryPolicy = USUAL_RETRY
    timeout_s: float | None = None
    fallback: Fallback | None = None
    #: In place of which failures; None for those that may pass.
    fallback_for: FallbackFor | None = None
    #: How long a job waits for a service that is down before the fallback answers; None leaves it to the settings.
    outage_wait_s: float | None = None
    #: What a job may spend that brings no budget of its own.
    budget: Budget | None = None
    #: Loads what the first job would load, before there is one.
    prepare: Callable[[], None] | None = None
    #: How long a job is kept that has succeeded; None leaves it to the settings.
    retention_s: float | None = None
    #: Of the body; None stands for the hash of the contract.
    given_version: str | None = None
    #: The versions that have begun jobs with which this one may go on, beside itself.
    resumes: tuple[str, ...] = ()
    #: What is done with the jobs of all others; None leaves it to the settings.
    mismatch: Mismatch | None = None
    #: Of its worker that a job takes.
    slots: int = 1
    #: What the agents are told that answer it.
    prompts: tuple[AnnouncedPrompt, ...] = ()
    #: Which of its fields are a conversation, if it can be talked to.
    chat: Chat | None = None

    @cached_property
    def version(self) -> str:
        """The version of the body, by which jobs know it that it has begun."""
        contract = self.contract
        return self.given_version or contract_version(contract.request_schema, contract.result_schema)

    @cached_property
    def terms(self) -> Terms:
        """On what terms attempts begin."""
        return Terms(self.budget, self.retention_s, self.version, self.resumes, self.mismatch)

    def offers(self, mismatch: Mismatch) -> list[str]:
        """What a worker with this kind offers to jobs that others have begun; `mismatch` is that of the settings."""
        able = [self.version, *self.resumes, *([ANEW] if (self.mismatch or mismatch) == "restart" else ())]
        return [f"{self.kind}:{each}" for each in able]

    def stands_in(self, failure: Failure) -> bool:
        """Whether the fallback answers in place of this failure; never when there is no fallback."""
        if self.fallback is None:
            return False
        return failure.transient if self.fallback_for is None else self.fallback_for(failure)

    @property
    def contract(self) -> KindContract:
        """What is announced of this kind."""
        description = (inspect.getdoc(self.body) or "").partition("\n\n")[0]
        prompts = [each.facts for each in self.prompts]
        return KindContract.of(
            self.kind,
            self.queue,
            self.request,
            self.result,
            description,
            slots=self.slots,
            prompts=prompts,
            chat=self.chat,
        )


#: Every kind that was imported, by name.
REGISTRY: dict[str, TaskSpec] = {}


def spec_of(body: Body) -> TaskSpec:
    """Return the kind of a body; raises ConfigurationError for one that is none."""
    for spec in REGISTRY.values():
        if spec.body is body:
            return spec
    raise ConfigurationError(f"{getattr(body, '__name__', body)!r} is no kind: put @task on it, or call a kind by name")
