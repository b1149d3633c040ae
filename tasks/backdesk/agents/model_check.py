"""Whether the models that are configured answer: each is asked for a word."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from backdesk.agents.failures import ModelFailure
from backdesk.agents.provider import close_model, current_model
from backdesk.agents.runtime.checking import ask_shortly
from backdesk.platform.settings import TaskSettings


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What came of one model: why it does not answer, "" when it does, and what it took."""

    name: str
    failure: str
    seconds: float
    tokens: int = 0
    cost_usd: float | None = None


def check_models(settings: TaskSettings, within_s: float) -> list[ModelAnswer]:
    """Ask all models of a deployment side by side, once each, for 16 tokens at most; none where none is there."""
    names = (settings.model, settings.fallback_model, settings.cheaper_model, settings.judge_model)
    distinct = [] if settings.offline else [*dict.fromkeys(filter(None, names))]
    return asyncio.run(_check_all(settings, distinct, within_s))


async def _check_all(settings: TaskSettings, names: list[str], within_s: float) -> list[ModelAnswer]:
    try:
        return await asyncio.gather(*(_check(settings, name, within_s) for name in names))
    finally:
        await close_model()


async def _check(settings: TaskSettings, name: str, within_s: float) -> ModelAnswer:
    began = time.monotonic()
    model = current_model(settings, None, name)
    try:
        used = await ask_shortly(model, within_s)
    except ModelFailure as error:
        return ModelAnswer(name, f"[{error.code}] {error}", time.monotonic() - began)
    return ModelAnswer(name, "", time.monotonic() - began, used.tokens, model.price(used))
