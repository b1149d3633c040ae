"""Capabilities that are one for the library: each hook in its order, and none that would be passed over in silence."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models.test import TestModel

from backdesk.agents.runtime.joined import Joined


class Part(AbstractCapability[Any]):
    """Notes when it is called."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name = name
        self.told = told

    async def wrap_model_request(self, ctx: Any, *, request_context: Any, handler: Any) -> Any:
        self.told.append(f"{self.name} asks")
        response = await handler(request_context)
        self.told.append(f"{self.name} has it")
        return response

    async def wrap_tool_execute(self, ctx: Any, *, call: Any, tool_def: Any, args: Any, handler: Any) -> Any:
        self.told.append(f"{self.name} calls {call.tool_name}")
        return await handler(args)

    async def after_output_process(self, ctx: Any, *, output_context: Any, output: Any) -> Any:
        self.told.append(f"{self.name} hears")
        return output


class Silent(AbstractCapability[Any]):
    """Has no hook."""


class Stranger(AbstractCapability[Any]):
    async def before_run(self, ctx: Any) -> None:
        """Do nothing, at a hook that is not passed on."""


def look() -> str:
    """Look at something."""
    return "seen"


async def run_with(*capabilities: AbstractCapability[Any]) -> None:
    agent: Agent[None, str] = Agent(TestModel(), tools=[look])
    await agent.run("Look.", capabilities=capabilities)


async def test_hooks_are_called_in_the_order_of_the_library() -> None:
    apart: list[str] = []
    await run_with(Part("outer", apart), Silent(), Part("inner", apart))
    joined: list[str] = []
    await run_with(Joined([Part("outer", joined), Silent(), Part("inner", joined)]))
    assert joined == apart
    assert joined[:2] == ["outer asks", "inner asks"]
    assert joined[-2:] == ["inner hears", "outer hears"]


def test_a_hook_that_would_be_passed_over_is_refused() -> None:
    with pytest.raises(TypeError, match="Stranger has hooks that are not passed on: before_run"):
        Joined([Stranger()])
