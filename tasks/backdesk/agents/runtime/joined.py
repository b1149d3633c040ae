"""The capabilities of one run as a single one that all runs of an agent have.

The library copies the context of a run for each capability at each of its thirty hooks, whether it has that hook or
not, and puts an agent together anew for a run that brings capabilities along. One that the agent has from the beginning
costs only those who have a hook; which they are, a run says by the context in which it begins. It also stands for what
the library adds to each agent that lacks it, and agents of cards do not use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from pydantic_ai import Agent, ModelRequestContext, ModelResponse, RunContext, ToolCallPart, ToolDefinition
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler, WrapToolExecuteHandler
from pydantic_ai.output import OutputContext

from backdesk.agents.desk import Desk

#: What is added and not used: no tool of a card is put off until it is searched for, and what customers write meanwhile
#: comes by the journal.
_UNUSED = ("ToolSearch", "PendingMessageDrainCapability")
_HOOKS = ("wrap_model_request", "wrap_tool_execute", "after_output_process")

Part = AbstractCapability[Desk]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The capabilities of one run by their hooks, the innermost first."""

    requests: tuple[Part, ...] = ()
    tools: tuple[Part, ...] = ()
    outputs: tuple[Part, ...] = ()

    @classmethod
    def of(cls, outermost_first: Sequence[Part]) -> _Parts:
        inward = [(part, _hooks(type(part))) for part in reversed(outermost_first)]
        return cls(*(tuple(part for part, its in inward if hook in its) for hook in _HOOKS))


_NONE = _Parts()
_parts: ContextVar[_Parts] = ContextVar("parts", default=_NONE)


@contextmanager
def joined(outermost_first: Sequence[Part]) -> Iterator[None]:
    """Have the runs that begin within the block call these, in the order of the library.

    The first is the outermost, and hears last of an end. Raises TypeError for a part with a hook that is not passed on.
    """
    token = _parts.set(_Parts.of(outermost_first))
    try:
        yield
    finally:
        _parts.reset(token)


class Joined(AbstractCapability[Desk]):
    """Calls the hooks of the capabilities that its run is `joined` with."""

    def apply(self, visitor: Callable[[Part], None]) -> None:
        """Show itself, and as parts of it what the library would add, which then is there and has no hook to call."""
        for each in (self, *_unused()):
            visitor(each)

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        for part in _parts.get().requests:
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
        for part in _parts.get().tools:
            handler = _execution(part, handler, ctx=ctx, call=call, tool_def=tool_def)
        return await handler(args)

    async def after_output_process(self, ctx: RunContext[Desk], *, output_context: OutputContext, output: Any) -> Any:
        for part in _parts.get().outputs:
            output = await part.after_output_process(ctx, output_context=output_context, output=output)
        return output


@cache
def _unused() -> tuple[Part, ...]:
    added: list[Part] = []
    Agent(deps_type=Desk).root_capability.apply(added.append)
    return tuple(each for each in added if type(each).__name__ in _UNUSED)


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
    if others := hooks.difference(_HOOKS):
        raise TypeError(f"{kind.__name__} has hooks that are not passed on: {', '.join(sorted(others))}")
    return hooks
