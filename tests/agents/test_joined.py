"""Capabilities that are one for the library: each hook in its order, and none that would be passed over in silence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability, CombinedCapability
from pydantic_ai.models.test import TestModel

from backdesk.agents.runtime.joined import Joined, joined


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
    together: list[str] = []
    with joined([Part("outer", together), Silent(), Part("inner", together)]):
        await run_with(Joined())
    assert together == apart
    assert together[:2] == ["outer asks", "inner asks"]
    assert together[-2:] == ["inner hears", "outer hears"]


def test_an_agent_with_it_has_no_other_capability_whose_hooks_would_be_called() -> None:
    agent: Agent[Any, str] = Agent(TestModel(), tools=[look], capabilities=[Joined()])
    root = agent.root_capability
    assert isinstance(root, CombinedCapability)
    assert [type(each) for each in root.capabilities] == [Joined]


def test_a_hook_that_would_be_passed_over_is_refused() -> None:
    refused = pytest.raises(TypeError, match="Stranger has hooks that are not passed on: before_run")
    with refused, joined([Stranger()]):
        pass


async def test_runs_beside_each_other_have_hooks_of_their_own() -> None:
    async def run(told: list[str]) -> None:
        with joined([Part("its own", told)]):
            await run_with(Joined())

    one, other = list[str](), list[str]()
    await asyncio.gather(run(one), run(other))
    assert (
        one
        == other
        == ["its own asks", "its own has it", "its own calls look", "its own asks", "its own has it", "its own hears"]
    )
