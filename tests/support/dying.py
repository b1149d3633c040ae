"""A kind whose result is large, and a worker that is killed between keeping its first one and the end of the job."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import backdesk.worker.attempt.large_values
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.submit.claim_check import check_in_result
from tests.support.kinds import Number, Text

#: Names a file that is made by the first worker that dies; the next lives.
DIED_VARIABLE = "TEST_HAS_DIED"


@task("test.grow")
async def grow(ctx: TaskContext, request: Number) -> Text:
    """Return so many characters."""
    return Text(text=f"{ctx.attempt}" * int(request.n))


def _keep_and_die(*args: Any, **options: Any) -> bytes:
    reference = check_in_result(*args, **options)
    died = Path(os.environ[DIED_VARIABLE])
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return reference


if DIED_VARIABLE in os.environ:
    backdesk.worker.attempt.large_values.check_in_result = _keep_and_die  # type: ignore[attr-defined]  # imported there
