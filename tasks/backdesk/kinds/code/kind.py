"""The kind `code.run`: Python that an agent has written, run in isolation; off unless BACKDESK_CODE_TOOL is on.

It runs on the queue `tools`, so that an agent's slot is free meanwhile. A run changes nothing outside of its folder: it
is made again by an attempt after a crash. What does that (`running`) is loaded by the first job.
"""

from __future__ import annotations

from backdesk.tools.code.contract import CodeRequest, CodeRun
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task

#: The longest run that a deployment may allow, and what is around it.
ATTEMPT_S = 3_600.0 + 60.0


@task("code.run", queue="tools", timeout=ATTEMPT_S)
async def run_code(ctx: TaskContext, request: CodeRequest) -> CodeRun:
    """Run code in a folder of its own, and return what came of it; an error of the code is a result, too."""
    from backdesk.kinds.code.running import run_in_folder  # noqa: PLC0415 - of no use to a worker that runs no code

    return await run_in_folder(ctx, request)
