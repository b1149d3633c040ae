"""A kind that loads something before its first job."""

from __future__ import annotations

from backdesk.worker import TaskContext, task
from tests.support.kinds import Text


@task("test.prepared", prepare=lambda: None)
async def prepared(_ctx: TaskContext, request: Text) -> Text:
    return request
