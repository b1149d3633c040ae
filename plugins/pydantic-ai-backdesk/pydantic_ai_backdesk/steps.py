"""How the operations of a run become steps: what each may do when it is repeated, and how its value is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_ai import ToolCallPart
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    DurabilityCodec,
    DurableOperationId,
    JournalCallableOperationBackend,
    ModelRequestId,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
)
from pydantic_ai.exceptions import UserError
from pydantic_ai.toolsets import ToolsetTool

from backdesk.worker import Effect, TaskError
from pydantic_ai_backdesk.job import Job, current

#: Under which key a tool's metadata say what a second call would do.
METADATA = "backdesk"
#: What the model is told of a call that a person has settled without saying what it returned.
DONE = "Done: a person has confirmed that this took effect."
NO_STREAM = (
    "run_stream() and node.stream() are not possible in a job of backdesk: call agent.run(). Whoever watches the job "
    "is told the text as it comes; a handler of your own goes with BackdeskDurability(event_stream_handler=...)."
)

#: The call that is being made, and whether a node of the run is.
calling: ContextVar[ToolCallPart | None] = ContextVar("backdesk_calling", default=None)
advancing: ContextVar[bool] = ContextVar("backdesk_advancing", default=False)


class StepUnreadable(TaskError):
    """What a step has kept cannot be read as what it returns now: the code was changed while the job was on its way."""

    def __init__(self, message: str) -> None:
        super().__init__("step_unreadable", message)


class StrictJson(DurabilityCodec):
    """JSON; what cannot be read fails the job.

    As a ValidationError it would pass for bad arguments of a model, which would call the tool again.
    """

    def dump(self, tp: Any, value: Any) -> Any:
        """Return a value as plain JSON."""
        return JSON_CODEC.dump(tp, value)

    def load(self, tp: Any, payload: Any) -> Any:
        """Read what `dump` returned. Raises StepUnreadable."""
        try:
            return JSON_CODEC.load(tp, payload)
        except ValidationError as error:
            raise StepUnreadable(f"a step that was kept does not fit what it returns now: {error}") from None


class Effects(RoleBasedOperationConfig[str]):
    """What a second run of an operation would do. Only of a tool is it not known, unless the tool says it."""

    def __init__(self) -> None:
        usual: str = Effect.IDEMPOTENT
        super().__init__(model=usual, event=usual, capability=usual, tool=Effect.UNSAFE, resolve_tool=_of_tool)


def _of_tool(operation: DurableOperationId, tool: object | None, name: str) -> str | Literal[False]:
    if not isinstance(operation, ToolsetCallToolId):
        return Effect.PURE  # it lists tools, or checks arguments
    metadata = (tool.tool_def.metadata or {}) if isinstance(tool, ToolsetTool) else {}
    given = metadata.get(METADATA, {})
    if given is False:
        return False
    if not isinstance(given, dict) or given.keys() - {"effect"}:
        raise UserError(
            f'the metadata of tool {name!r} must be like {{"{METADATA}": {{"effect": "pure"}}}}, not {given!r}'
        )
    effect = given.get("effect", Effect.UNSAFE)
    if effect not in [*Effect]:
        raise UserError(f"the effect of tool {name!r} must be one of {', '.join(Effect)}, not {effect!r}")
    return str(effect)


class Steps(JournalCallableOperationBackend[str]):
    """Runs each operation as a step of the job at hand."""

    def __init__(self, agent_name: str, default_model_id: str | None) -> None:
        super().__init__(agent_name=agent_name, default_model_id=default_model_id, config=Effects())

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: str,
    ) -> object:
        """Run an operation once in the life of the job."""
        job = current()
        if job is None:
            raise UserError("this run has left the job in which it began")
        if isinstance(operation_id, ModelRequestId) and operation_id.streaming and not advancing.get():
            raise UserError(NO_STREAM)
        call = calling.get()
        if isinstance(operation_id, ToolsetCallToolId) and call is not None:
            return await _call_tool(job, name, call, body, config)
        return await job.step(job.names.next(name), body, config)


async def _call_tool(
    job: Job, name: str, call: ToolCallPart, body: Callable[[], Awaitable[object]], effect: str
) -> object:
    async def told() -> object:
        job.reporter.tool_called(call.tool_name, call.tool_call_id, call.args_as_dict())
        payload = await body()
        job.reporter.tool_returned(call.tool_name, call.tool_call_id, *_outcome(payload))
        return {"payload": payload}

    kept = await job.tool(job.names.next(name, call.tool_call_id), call.tool_name, told, effect)
    if isinstance(kept, dict) and kept.keys() == {"payload"}:
        return kept["payload"]
    # A person has said what became of the call: that is what the tool returned.
    return {"kind": "tool_return", "result": DONE if kept is None else kept}


#: What is told of a call that is not made yet, by what the library says of it.
_WAITS = {"approval_required": "it waits for an approval", "call_deferred": "it waits for an answer from outside"}


def _outcome(payload: object) -> tuple[str, object]:
    """Return how a call ended, and what is shown of it; the library keeps control flow as values of other kinds."""
    known = payload if isinstance(payload, dict) else {}
    if waits := _WAITS.get(known.get("kind", "")):
        return "deferred", waits
    if known.get("kind") in {"tool_return", "tool_content_result"}:
        return "success", known.get("result")
    return "failed", known.get("message") or known.get("title") or str(known.get("kind", ""))
