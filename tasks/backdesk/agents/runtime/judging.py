"""One request to a model that judges: it gets a text and answers by a type; an expert may call tools meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    ModelMessage,
    ModelSettings,
    RunUsage,
    ToolOutput,
    UsageLimits,
    capture_run_messages,
    exceptions,
)

from backdesk.agents.card import GIVE_ANSWER
from backdesk.agents.contract import ModelUsage
from backdesk.agents.desk import Desk
from backdesk.agents.failures import ModelFailure
from backdesk.agents.prompts import Prompt
from backdesk.agents.runtime.assembly import assembled
from backdesk.agents.runtime.metered import Metered
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.surroundings import Surroundings
from backdesk.agents.runtime.traced import instrument
from backdesk.agents.tools import Tool
from backdesk.worker.errors import Limited
from backdesk.worker.model.budget import SpendingRefused

_log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

#: How often a judge may mend an answer that is none of its type.
RETRIES = 2
#: How long a customer waits for an opinion that can be done without, at most. Seconds.
PATIENCE_S = 30.0
_UNANSWERED = (ModelFailure, Limited, SpendingRefused, TimeoutError)

NOTHING_USED = ModelUsage(cost_usd=0.0)


class Opinion(BaseModel, Generic[T]):
    """What a judge found, None when it could not answer; and what that took."""

    found: T | None = None
    usage: ModelUsage = NOTHING_USED


async def judge(
    judgement: type[T], instructions: str, text: str, *, name: str, model: ModelHandle, around: Surroundings
) -> tuple[T, ModelUsage]:
    """Have a model judge a text; return what it found, and what that took. As `answer_by_type`."""
    return await answer_by_type(
        judgement, Prompt(name, instructions), text, name=name, model=model, around=around, temperature=0
    )


async def answer_by_type(
    output: type[T],
    prompt: Prompt,
    text: str,
    *,
    name: str,
    model: ModelHandle,
    around: Surroundings,
    temperature: float | None = None,
    most_tokens: int | None = None,
    tools: Sequence[Tool[..., Any]] = (),
    most_calls: int = 0,
) -> tuple[T, ModelUsage]:
    """Have a model answer a text by a type; return that, and what it took.

    Meanwhile it may make so many calls of `tools`, each on the desk; one that wants more has misbehaved. Held to the
    budgets of the job and counted as any request of an agent. Raises as `run_agent`, and what tools raise; a
    ModelFailure says what was used.
    """
    instrument()
    metered = Metered(name, model, around.account, around.gates, around.watcher, prompt=prompt)
    agent = Agent(
        name=name,
        deps_type=Desk,
        output_type=ToolOutput(output, name=GIVE_ANSWER),
        instructions=prompt.shared,
        model_settings=_settings(temperature, most_tokens),
        retries={"output": RETRIES, "tools": RETRIES},
        tools=[assembled(each) for each in tools],
    )
    limits = UsageLimits(request_limit=RETRIES + 1 + most_calls, tool_calls_limit=most_calls or None)
    usage = RunUsage()
    with capture_run_messages() as messages:
        try:
            with metered.outlet.of():
                run = await agent.run(
                    text,
                    deps=around.desk,
                    model=model.model,
                    capabilities=[metered],
                    usage=usage,
                    usage_limits=limits,
                )
        except exceptions.AgentRunError as error:
            failure = _meaning(error, name, metered)
            if isinstance(failure, ModelFailure):
                failure.used = _used(usage, messages)
            raise failure from error
    return run.output, _used(usage, messages)


def _settings(temperature: float | None, most_tokens: int | None) -> ModelSettings:
    settings = ModelSettings()
    if temperature is not None:
        settings["temperature"] = temperature
    if most_tokens is not None:
        settings["max_tokens"] = most_tokens
    return settings


def _meaning(error: exceptions.AgentRunError, name: str, metered: Metered) -> Exception:
    if isinstance(error, exceptions.UsageLimitExceeded):  # the limit is ours
        return ModelFailure("model_misbehaved", f"The model did not answer ({name}) by its type.")
    return metered.meaning_of(error)


def _used(usage: RunUsage, messages: list[ModelMessage]) -> ModelUsage:
    costs = [(message.metadata or {}).get("cost_usd") for message in messages if message.kind == "response"]
    known = [cost for cost in costs if cost is not None]
    return ModelUsage(
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=round(sum(known), 9) if len(known) == len(costs) else None,
    )


async def opinion(
    judgement: type[T], instructions: str, text: str, *, name: str, model: ModelHandle, around: Surroundings
) -> T | None:
    """Return what a judge finds of a text, None when it cannot answer, which a model may.

    It is asked once for the same in the life of the job. What it takes is the job's, and counts for no limit of its
    agents. Raises what ends an attempt.
    """
    key = f"{name}:{hashlib.sha256(f'{instructions}{text}'.encode()).hexdigest()[:24]}"
    ask = partial(_ask, judgement, instructions, text, name=name, model=model, around=around)
    given: Opinion[T] = await around.journal.once(key, ask, Opinion[judgement])  # type: ignore[valid-type]  # made here
    around.budget.beside[key] = given.usage
    return given.found


async def _ask(
    judgement: type[T], instructions: str, text: str, *, name: str, model: ModelHandle, around: Surroundings
) -> Opinion[Any]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            found, usage = await judge(judgement, instructions, text, name=name, model=model, around=around)
    except _UNANSWERED as error:
        _log.warning("no_opinion", extra={"judge": name, "model": model.name, "reason": repr(error)})
        used = error.used if isinstance(error, ModelFailure) else None
        return Opinion[judgement](usage=used or NOTHING_USED)  # type: ignore[valid-type]  # made here
    return Opinion[judgement](found=found, usage=usage)  # type: ignore[valid-type]  # made here
