"""What makes a run of the library one that can be broken off anywhere and go on in another process.

A run that goes on is given the messages up to its last request, and gets the response to it, if there was one, from
memory instead of from the model: the library then does with the response what it did the first time, whether that is
calling tools, handing over, asking for a better one, or ending. (Given the response as the end of its history, the
library would ask the model again unless the response calls tools.)
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from pydantic_ai import (
    ModelRequest,
    ModelRequestContext,
    ModelResponse,
    RunContext,
    ToolCallPart,
    ToolDefinition,
    ToolFailed,
    ToolReturnPart,
    exceptions,
)
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler, WrapToolExecuteHandler

from backdesk.agents.desk import Desk
from backdesk.agents.journal import Journal
from backdesk.agents.running_call import CallWaits, NotInTime, RunningCall, running_call, waiting
from backdesk.agents.runtime.messages import History
from backdesk.agents.runtime.turn import Turn
from backdesk.agents.tools import Tool
from backdesk.worker.attempt.ledger import Effect, LeavingNow, Suspended
from backdesk.worker.errors import ConfigurationError, FenceLost, Limited, StoreUnavailable
from backdesk.worker.model.budget import SpendingRefused

_log = logging.getLogger(__name__)

#: What the library itself says by raising, and what ends the attempt as a whole.
_NO_FAULT_OF_THE_TOOL = (
    exceptions.ModelRetry,
    exceptions.ToolRetryError,
    exceptions.ToolFailed,
    exceptions.ToolFailedError,
    FenceLost,
    StoreUnavailable,
)

#: What is known of a change that was left behind.
UNKNOWN_EFFECT = "Nobody knows yet whether it has taken effect; the same call again would do no harm."


class Durable(AbstractCapability[Desk]):
    """Serves one run what is known already, and has its tools called through the journal."""

    def __init__(
        self, tools: Sequence[Tool[..., Any]], journal: Journal, history: History, turn: Turn, *, prompted: bool
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._journal = journal
        self._turn = turn
        last = history[-1] if history and not prompted else None
        self._response = last if isinstance(last, ModelResponse) else None
        self._begins = prompted
        #: Whether a tool was called for the last response; what it did is known by the ids in that.
        self.called = False
        self._leaving: Suspended | LeavingNow | SpendingRefused | Limited | ConfigurationError | None = None
        #: What the run is to be given.
        self.history = history[:-1] if self._response else history

    @property
    def knows_response(self) -> bool:
        """Whether the response to the next request is known."""
        return self._response is not None

    def remembers(self, request: ModelRequest) -> bool:
        """Whether a request says only what the journal knows, or the job itself if it is the first.

        An attempt that goes on before it, or begins anew, comes to the same. To be asked once of each request.
        """
        begins, self._begins = self._begins, False
        return begins or all(
            isinstance(part, ToolReturnPart) and part.outcome == "success" and part.tool_name in self._tools
            for part in request.parts or (None,)
        )

    def leave_if_due(self) -> None:
        """End the attempt if a tool call must wait, or may not or cannot be made; those beside it are through."""
        if self._leaving is not None:
            raise self._leaving

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        self.called = False
        self._turn.begin()
        if self._response is None:
            return await handler(request_context)
        response, self._response = self._response, None
        return response

    async def wrap_tool_execute(
        self,
        ctx: RunContext[Desk],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, Any],
        handler: WrapToolExecuteHandler,
    ) -> Any:
        ran, self.called = False, True

        async def run() -> Any:
            nonlocal ran
            ran = True
            with waiting():
                async with self._turn.limit(tool):
                    return await handler(args)

        tool, key = self._tools[call.tool_name], _key(ctx, call)
        running_call.set(RunningCall(call.tool_name, call.tool_call_id, key, self._turn.until(tool)))
        try:
            outcome = await self._journal.call(tool, key, args, run)
        except NotInTime as late:
            raise ToolFailed(_left_behind(tool, late)) from late
        except CallWaits as waits:
            self._leaving = waits.leaving
            raise exceptions.ApprovalRequired from waits
        except (Suspended, LeavingNow, SpendingRefused, Limited, ConfigurationError) as leaving:
            # Raised here it would cancel the tools beside this one. A call that awaits approval ends a run in good
            # order, when all others are through; whoever drives the run then lets the job leave.
            self._leaving = leaving
            raise exceptions.ApprovalRequired from leaving
        except _NO_FAULT_OF_THE_TOOL:
            raise
        except Exception as error:
            # As an error of the run it would cancel the tools beside this one.
            _log.exception("tool_failed", extra={"tool": call.tool_name})
            message = f"{call.tool_name} failed for a technical reason; do not call it again for this."
            raise ToolFailed(message) from error
        if ran:
            return outcome
        # What is known already counts as a call too, as it did the first time: the limits are those of the job.
        raise exceptions.SkipToolExecution(outcome)


def _left_behind(tool: Tool[..., Any], late: NotInTime) -> str:
    """Say what a model is to know of a call that it goes on without."""
    done = "Nothing was changed by it." if tool.effect is Effect.PURE else UNKNOWN_EFFECT
    return f"{tool.name} was not done in time: it was left behind after {late.after_s:g} s. {done} Go on without it."


def _key(ctx: RunContext[Desk], call: ToolCallPart) -> str:
    """Name a call within its job. The count of requests is for servers whose ids are unique in one response only."""
    return f"{call.tool_name}:{ctx.usage.requests}:{re.sub(r'[^A-Za-z0-9_.-]', '-', call.tool_call_id)[:100]}"
