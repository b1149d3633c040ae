"""What all kinds have in common that let agents answer: where they run, how often they are tried, how they begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backdesk.agents.runtime import rehearse
from backdesk.quality import sentiment
from backdesk.worker.attempt.registry import Fallback
from backdesk.worker.attempt.task import B, task
from backdesk.worker.failure import Category
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.retry import RetryPolicy

#: A customer waits: up to 2, 4, 8 and 16 s between attempts, or what the provider asks for. An attempt that fails loses
#: nothing but the request that failed, and what a model has garbled it may well say properly the next time.
RETRY = RetryPolicy(base_s=2, cap_s=60, categories=RetryPolicy().categories | {Category.DATA_CORRUPTION})
#: An attempt may well ask the model ten times; whatever it has finished by then is not lost.
ATTEMPT_S = 900.0


def agent_task(
    kind: str,
    *,
    fallback: Fallback | None = None,
    retry: RetryPolicy = RETRY,
    timeout: float = ATTEMPT_S,
    budget: Budget | Mapping[str, Any] | None = None,
) -> Callable[[B], B]:
    """Register a body as a kind that agents answer, on the queue `agents`; the options are those of `task`."""
    return task(kind, queue="agents", retry=retry, timeout=timeout, fallback=fallback, budget=budget, prepare=prepare)


def prepare() -> None:
    """Load what agents and the reviews of their answers load at their first use: a second of CPU, once a process."""
    rehearse()
    sentiment.load()
