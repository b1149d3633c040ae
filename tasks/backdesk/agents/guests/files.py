"""The files that come with a message, for an agent that another library has made."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.agents.attachments import taken
from backdesk.agents.runtime.messages import Prompt, prompt_of
from backdesk.platform.contract import Attachment
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import TaskContext


async def prompt_with_files(ctx: TaskContext, message: str, attachments: Sequence[Attachment]) -> Prompt:
    """Return what a customer has written with the files that came with it, each taken once in the life of the job.

    Of a file the prompt says what it is, and holds no bytes: they come with the requests of `metered_model`. Raises
    TaskError for a file that is not there, may not be taken, or cannot be reached now.
    """
    return prompt_of(message, await taken(ctx, attachments, deployment().settings))
