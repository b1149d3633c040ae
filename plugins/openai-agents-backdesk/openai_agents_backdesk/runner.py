"""A run of an agent within a job."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import openai
from agents import (
    Agent,
    AgentsException,
    MaxTurnsExceeded,
    ModelBehaviorError,
    RunConfig,
    Runner,
    RunResult,
    UserError,
)
from agents.items import ToolApprovalItem, TResponseInputItem
from agents.run_config import ToolExecutionConfig

from backdesk.agents import GuestJob
from backdesk.worker import Answer, Category, TaskContext, TaskError
from openai_agents_backdesk.tools import check_effects
from openai_agents_backdesk.wrapping import Wrapping

#: How long people have to approve: a week.
WITHIN = timedelta(days=7)


async def run(
    ctx: TaskContext,
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - as in the SDK
    *,
    effects: Mapping[str, str] | None = None,
    approve_within: timedelta | None = WITHIN,
    run_config: RunConfig | None = None,
    **options: Any,
) -> RunResult:
    """Do what `Runner.run` does, durably: the agent, its colleagues and the options are the SDK's.

    Each request to a model and each call of a function tool is a step of the job. `effects` says by a tool's name what
    a second call would do, for the moment between a call and its record: `pure`, `idempotent`, or `unsafe`, as all
    others are: then a person is asked. Calls that need approval are put before people, all of a turn at once; the job
    waits without a slot. Tools run one after the other.

    Raises TaskError for what the SDK raises, with a code of its own; ValueError for an effect that is none; and what
    budgets and limits raise.
    """
    check_effects(effects or {})
    job, config = GuestJob.of(ctx), run_config or RunConfig()
    wrapping = Wrapping(job, config, effects or {})
    tools = replace(config.tool_execution or ToolExecutionConfig(), max_function_tool_concurrency=1)
    config = replace(config, model=None, tool_execution=tools)
    with _meaning():
        durable = wrapping.agent(agent)
        result = await Runner.run(durable, input, run_config=config, **options)
        while result.interruptions:
            state = result.to_state()
            answers = await _ask(job, result.interruptions, approve_within)
            for item, answer in zip(result.interruptions, answers, strict=True):
                if answer.approved:
                    state.approve(item)
                else:
                    state.reject(item, rejection_message=_refusal(answer))
            result = await Runner.run(durable, state, run_config=config, **_of_a_resumed_run(options))
    return result


async def _ask(job: GuestJob, items: list[ToolApprovalItem], within: timedelta | None) -> list[Answer]:
    seconds = None if within is None else within.total_seconds()
    asks = []
    for item in items:
        tool, call_id = item.tool_name or "", getattr(item.raw_item, "call_id", None)
        key = job.names.next(f"approve:{tool}", call_id)
        arguments = getattr(item.raw_item, "arguments", None)
        asks.append(job.ctx.approval(key, f"Call {tool}?", within=seconds, tool=tool, args=arguments))
    answers = await asyncio.gather(*asks, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if isinstance(answer, Answer)]


def _refusal(answer: Answer) -> str:
    reason = f": {answer.note}" if answer.note else "."
    return f"It needs the approval of a person, who did not give it{reason}"


def _of_a_resumed_run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the state of a run brings itself."""
    return {name: value for name, value in options.items() if name not in {"context", "previous_response_id"}}


@contextmanager
def _meaning() -> Iterator[None]:
    """Say what an error of the SDK means for the job; what carries a status of HTTP says it itself."""
    try:
        yield
    except UserError as error:
        raise TaskError("agent_misused", str(error)) from error
    except MaxTurnsExceeded as error:
        raise TaskError("usage_limit", str(error), category=Category.RESOURCE_EXHAUSTION) from error
    except ModelBehaviorError as error:
        raise TaskError("model_misbehaved", str(error), category=Category.DATA_CORRUPTION, transient=True) from error
    except AgentsException as error:
        raise TaskError("agent_stopped", f"{type(error).__name__}: {error}", category=Category.VALIDATION) from error
    except openai.APITimeoutError as error:
        raise TaskError("model_timeout", str(error), category=Category.TIMEOUT, transient=True) from error
    except openai.APIConnectionError as error:
        raise TaskError("model_unavailable", str(error), category=Category.NETWORK, transient=True) from error
