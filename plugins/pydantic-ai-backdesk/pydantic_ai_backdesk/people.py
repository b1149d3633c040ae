"""People who decide about calls of tools while their job waits without a slot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta

from pydantic_ai import DeferredToolRequests, DeferredToolResults, RunContext, ToolApproved, ToolCallPart, ToolDenied
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.tools import AgentDepsT

from backdesk.worker import Answer
from pydantic_ai_backdesk.job import Job, current

#: How long people have by default: a week.
WITHIN = timedelta(days=7)


def _prompt(call: ToolCallPart) -> str:
    return f"Call {call.tool_name}?"


@dataclass
class AskPeople(AbstractCapability[AgentDepsT]):
    """Has people approve the calls that ask for it (`requires_approval=True`, `ApprovalRequired`), by asks of the job.

    All calls of one response are asked about at once. `backdesk approve` and `deny` answer, as do clients; a call that
    nobody answers `within` the time is denied, and the model is told why. Outside of a job it decides nothing.
    """

    _: KW_ONLY
    #: What people read; the arguments of the call are shown beside it.
    prompt: Callable[[ToolCallPart], str] = _prompt
    within: timedelta | None = WITHIN

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[AgentDepsT], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Return what was decided; the job leaves its slot until all is."""
        job = current()
        if job is None or not requests.approvals:
            return None
        answers = await asyncio.gather(*self._ask(job, requests.approvals), return_exceptions=True)
        results = DeferredToolResults()
        for call, answer in zip(requests.approvals, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            results.approvals[call.tool_call_id] = _decision(answer)
            results.answered_by[call.tool_call_id] = answer.by
        return results

    def _ask(self, job: Job, calls: list[ToolCallPart]) -> Iterator[asyncio.Task[Answer]]:
        within = None if self.within is None else self.within.total_seconds()
        for call in calls:
            key = job.names.next(f"approve:{call.tool_name}", call.tool_call_id)
            ask = job.ctx.approval(key, self.prompt(call), within=within, tool=call.tool_name, args=call.args_as_dict())
            yield asyncio.ensure_future(ask)


def _decision(answer: Answer) -> ToolApproved | ToolDenied:
    if answer.approved:
        return ToolApproved()
    reason = f": {answer.note}" if answer.note else "."
    return ToolDenied(f"It needs the approval of a person, who did not give it{reason}")
