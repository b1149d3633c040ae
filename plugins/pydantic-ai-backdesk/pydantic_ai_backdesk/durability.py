"""The capability that makes the runs of an agent durable within a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic_ai import (
    ModelRequestContext,
    ModelResponse,
    RunContext,
    ToolCallPart,
    ToolDefinition,
)
from pydantic_ai.agent import AbstractAgent, EventStreamHandler
from pydantic_ai.capabilities import (
    AbstractCapability,
    AgentNode,
    NodeResult,
    WrapModelRequestHandler,
    WrapNodeRunHandler,
    WrapRunHandler,
    WrapToolExecuteHandler,
)
from pydantic_ai.durable_exec import (
    BaseDurabilityCapability,
    DurabilityEngineSpec,
    conversation_id_from_run_id,
    replay_scope,
)
from pydantic_ai.external_events import external_event_scope
from pydantic_ai.models import Model
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import AgentDepsT

from backdesk.worker import TaskError
from pydantic_ai_backdesk.job import current
from pydantic_ai_backdesk.steps import METADATA, Steps, StrictJson, advancing, calling
from pydantic_ai_backdesk.waiting import Questions

ALL_KINDS: Any = frozenset({"function", "mcp", "dynamic"})


def _no_json(error: Exception) -> TaskError:
    return TaskError("invalid_step_result", f"a step of the agent returned what is no JSON: {error}")


@dataclass(init=False)
class BackdeskDurability(BaseDurabilityCapability[AgentDepsT]):
    """Makes each request to a model and each call of a tool a step of the job in which the agent runs.

    An attempt after a crash gets what is finished from the job's ledger. Between a call and its record a worker can
    die: what a second call would do, a tool says by `metadata={"backdesk": {"effect": ...}}`, which is `unsafe` (a
    person is asked), `idempotent` or `pure`. A tool that says nothing is unsafe. `{"backdesk": False}` keeps a tool out
    of the ledger: it is called again in each attempt.

    Requests pass the limits of the fleet and the budgets of the job. Outside of a job the capability does nothing.
    """

    engine_spec: ClassVar[DurabilityEngineSpec] = DurabilityEngineSpec(
        engine_name="backdesk",
        durable_unit_noun="step",
        durable_container_noun="job",
        codec=StrictJson(),
        serialization_failure=_no_json,
        wrapped_toolset_kinds=ALL_KINDS,
        # The first step that needs a server of MCP connects, so that a replay of finished ones never does.
        toolset_lifecycles={"function": "enter-always", "mcp": "enter-in-durable-unit", "dynamic": "enter-never"},
        unsupported_runtime_toolset_kinds=ALL_KINDS,
        tool_config_key=METADATA,
    )

    def __init__(
        self,
        *,
        models: Mapping[str, Model] | None = None,
        event_stream_handler: EventStreamHandler[AgentDepsT] | None = None,
        name: str | None = None,
        parallel_execution_mode: Literal["sequential", "parallel_ordered_events"] = "sequential",
    ) -> None:
        """Make the capability of one agent.

        `name` (that of the agent, if it is not given) begins the keys of all steps: it must not change while jobs are
        on their way. `models` are more models by their id, for `agent.run(model=id)`. `event_stream_handler` is told
        events of the model while they come, and of tools by steps of their own. Tools run one after the other, unless
        `parallel_execution_mode` says otherwise.
        """
        super().__init__(models=models, event_stream_handler=event_stream_handler, name=name)
        self._parallel_execution_mode = parallel_execution_mode

    def for_agent(self, agent: AbstractAgent[AgentDepsT, Any]) -> AbstractCapability[AgentDepsT]:
        """Return the capability as it is bound to the agent; one that is bound to it already is that itself."""
        return self if self.agent is agent else super().for_agent(agent)

    @property
    def in_durable_context(self) -> bool:
        """Whether a job is at hand."""
        return current() is not None

    def get_durable_operation_backend(self) -> Steps:
        """Return what runs operations as steps."""
        return Steps(self.name, self.default_model_id)

    def get_default_run_id(self) -> str | None:
        """Name a run of the job: the same in each attempt."""
        job = current()
        return None if job is None else f"{job.ctx.job_id}:{job.names.next(f'run:{self.name}')}"

    def get_default_conversation_id(self, run_id: str) -> str | None:
        """Name the conversation of a run that has none: the same in each attempt."""
        return None if current() is None else conversation_id_from_run_id(run_id)

    def get_wrapper_model(self, model: Model) -> Model | None:
        """Hold the requests of a job to its limits and budgets."""
        job = current()
        return None if job is None else job.metered(model, self.name)

    async def wrap_run(self, ctx: RunContext[AgentDepsT], *, handler: WrapRunHandler) -> AgentRunResult[Any]:
        """Run as a part of the job at hand."""
        job, agent = current(), self.agent
        if job is None or agent is None:
            return await handler()
        with (
            job.run_of(self.name),
            replay_scope(),
            external_event_scope(Questions(job)),
            agent.parallel_tool_call_execution_mode(self._parallel_execution_mode),
        ):
            return await super().wrap_run(ctx, handler=handler)

    async def wrap_node_run(
        self, ctx: RunContext[AgentDepsT], *, node: AgentNode[AgentDepsT], handler: WrapNodeRunHandler[AgentDepsT]
    ) -> NodeResult[AgentDepsT]:
        """Note that the run itself goes on, and that nobody else streams a node of it."""
        token = advancing.set(True)
        try:
            return await super().wrap_node_run(ctx, node=node, handler=handler)
        finally:
            advancing.reset(token)

    async def wrap_model_request(
        self, ctx: RunContext[AgentDepsT], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        """Make a request as a step, and count it."""
        response = await super().wrap_model_request(ctx, request_context=request_context, handler=handler)
        if (job := current()) is not None:
            job.got(response)
        return response

    async def wrap_tool_execute(
        self,
        ctx: RunContext[AgentDepsT],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, Any],
        handler: WrapToolExecuteHandler,
    ) -> Any:
        """Note which call is made: its step is named by the call's own id."""
        token = calling.set(call)
        try:
            return await super().wrap_tool_execute(ctx, call=call, tool_def=tool_def, args=args, handler=handler)
        finally:
            calling.reset(token)
