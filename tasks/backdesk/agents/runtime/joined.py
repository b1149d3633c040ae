"""Several capabilities as one.

The library copies the context of a run for each capability at each of its thirty hooks, whether it has that hook or
not. Joined, a hook costs only those who have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from pydantic_ai import ModelRequestContext, ModelResponse, RunContext, ToolCallPart, ToolDefinition
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler, WrapToolExecuteHandler
from pydantic_ai.output import OutputContext

from backdesk.agents.desk import Desk

_HOOKS = frozenset({"wrap_model_request", "wrap_tool_execute", "after_output_process"})

Part = AbstractCapability[Desk]


class Joined(AbstractCapability[Desk]):
    """Calls the hooks of its parts in the order of the library: the first is the outermost, and hears last of an end.

    Raises TypeError for a part with a hook that is not passed on here.
    """

    def __init__(self, outermost_first: Sequence[Part]) -> None:
        inward = outermost_first[::-1]
        self._requests = [part for part in inward if "wrap_model_request" in _hooks(type(part))]
        self._tools = [part for part in inward if "wrap_tool_execute" in _hooks(type(part))]
        self._outputs = [part for part in inward if "after_output_process" in _hooks(type(part))]

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        for part in self._requests:
            handler = partial(_request, part, ctx, handler)
        return await handler(request_context)

    async def wrap_tool_execute(
        self,
        ctx: RunContext[Desk],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, Any],
        handler: WrapToolExecuteHandler,
    ) -> Any:
        for part in self._tools:
            handler = _execution(part, handler, ctx=ctx, call=call, tool_def=tool_def)
        return await handler(args)

    async def after_output_process(self, ctx: RunContext[Desk], *, output_context: OutputContext, output: Any) -> Any:
        for part in self._outputs:
            output = await part.after_output_process(ctx, output_context=output_context, output=output)
        return output


async def _request(
    part: Part, ctx: RunContext[Desk], handler: WrapModelRequestHandler, request_context: ModelRequestContext
) -> ModelResponse:
    return await part.wrap_model_request(ctx, request_context=request_context, handler=handler)


def _execution(part: Part, handler: WrapToolExecuteHandler, **call: Any) -> WrapToolExecuteHandler:
    return lambda args: part.wrap_tool_execute(args=args, handler=handler, **call)


@cache
def _hooks(kind: type[Part]) -> frozenset[str]:
    own = kind.__mro__[: kind.__mro__.index(AbstractCapability)]
    names = {name for each in own for name in vars(each) if not name.startswith("_")}
    hooks = frozenset(name for name in names if hasattr(AbstractCapability, name))
    if others := hooks - _HOOKS:
        raise TypeError(f"{kind.__name__} has hooks that are not passed on: {', '.join(sorted(others))}")
    return hooks
