"""Agents as they are in a job: the same, but for models and tools that go by its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents import Agent, FunctionTool, Handoff, Model, ModelProvider, RunConfig, UserError
from agents.tool import Tool

from backdesk.agents import GuestJob
from openai_agents_backdesk.model import LedgerModel
from openai_agents_backdesk.tools import ledger_tool

#: Tools that run at the provider's, within a request.
_HOSTED = frozenset(
    {
        "web_search",
        "web_search_preview",
        "file_search",
        "code_interpreter",
        "image_generation",
        "hosted_mcp",
        "tool_search",
    }
)


class Wrapping:
    """Makes the agents of one run durable, each once, however they hand over to each other."""

    def __init__(self, job: GuestJob, config: RunConfig, effects: Mapping[str, str]) -> None:
        self._job = job
        self._provider: ModelProvider = config.model_provider
        self._model = config.model
        self._effects = effects
        self._known: dict[int, Agent[Any]] = {}

    def agent(self, agent: Agent[Any]) -> Agent[Any]:
        """Return an agent as it is in the job. Raises UserError for one with tools that the ledger cannot keep."""
        if (known := self._known.get(id(agent))) is not None:
            return known
        if agent.mcp_servers:
            raise UserError(
                f"the agent {agent.name!r} has servers of MCP, whose calls would not be kept: give it tools"
            )
        durable = agent.clone(model=LedgerModel(self._job, agent.name, self._model_of(agent)), handoffs=[])
        durable.tools = [self._tool(agent.name, tool) for tool in agent.tools]
        # Known before its colleagues are: they may hand over to it.
        self._known[id(agent)] = self._known[id(durable)] = durable
        durable.handoffs = [self._handoff(each) for each in agent.handoffs]
        return durable

    def _model_of(self, agent: Agent[Any]) -> Model:
        model = self._model if self._model is not None else agent.model
        return model if isinstance(model, Model) else self._provider.get_model(model)

    def _tool(self, agent: str, tool: Tool) -> Tool:
        if isinstance(tool, FunctionTool):
            return ledger_tool(self._job, agent, tool, self._effects)
        if tool.name in _HOSTED:
            return tool
        raise UserError(
            f"the agent {agent!r} has the tool {tool.name!r}, whose calls would not be kept: give it function tools"
        )

    def _handoff(self, handoff: Agent[Any] | Handoff[Any, Any]) -> Agent[Any] | Handoff[Any, Any]:
        if isinstance(handoff, Agent):
            return self.agent(handoff)
        given = handoff.on_invoke_handoff

        async def invoke(*args: Any) -> Agent[Any]:
            return self.agent(await given(*args))

        return replace(handoff, on_invoke_handoff=invoke)
