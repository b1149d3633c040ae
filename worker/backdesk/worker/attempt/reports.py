"""What the log says of an attempt."""

from __future__ import annotations

import logging
from typing import Any

from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Failed, Outcome, Succeeded

log = logging.getLogger(__name__)


def report_error(error: BaseException, outcome: Outcome) -> None:
    """Tell of what a body raised, with its traceback where the code of the kind has to be looked at."""
    if isinstance(error, TaskError):
        log.info("task_error", extra={"code": error.code}, exc_info=error.__cause__)
    elif isinstance(outcome, Failed) and outcome.failure.code == "exception":
        log.error("task_raised", exc_info=error, extra={"reference": outcome.failure.reference})


def report_end(outcome: Outcome, *, kept: bool, seconds: float) -> None:
    """Tell how an attempt ended, and whether the store has taken that."""
    facts: dict[str, Any] = {"seconds": round(seconds, 3), "outcome": type(outcome).__name__.lower()}
    failure: Failure | None = getattr(outcome, "failure", None)
    if failure is not None:
        facts |= {"code": failure.code, "reason": failure.message, "reference": failure.reference}
    if not kept:
        log.warning("outcome_refused", extra=facts)
    elif isinstance(outcome, Failed):
        log.warning("job_failed", extra=facts)
    elif isinstance(outcome, Succeeded):
        log.info("job_succeeded", extra=facts)
    else:
        log.info("attempt_ended", extra=facts)
