"""Which model answers: the configured one, or the rules of the offline model when none is configured."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from tasks.agents.offline import decide
from tasks.agents.runtime import ModelHandle, openai_model, scripted_model
from tasks.prices import Prices, load_prices
from tasks.settings import RESPONSES_PREFIX, TaskSettings
from worker.resource import fingerprint_of

OFFLINE = "offline"

#: An HTTP client belongs to the loop on which it is used, so each loop has its own; a worker process has
#: one loop, and a forked child begins with a new one.
_handles: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[TaskSettings, ModelHandle]] = WeakKeyDictionary()


def current_model(settings: TaskSettings) -> ModelHandle:
    """Return the running loop's model; made at its first use, and again when the settings are others."""
    loop = asyncio.get_running_loop()
    known = _handles.get(loop)
    if known is None or known[0] is not settings:
        known = _handles[loop] = (settings, make_model(settings))
    return known[1]


async def close_model() -> None:
    """Close the connections of the running loop's model, if there is one."""
    known = _handles.pop(asyncio.get_running_loop(), None)
    if known is not None:
        await known[1].close()


def make_model(settings: TaskSettings) -> ModelHandle:
    """Build the model that the settings name, and those that stand in for it.

    Raises ConfigurationError for prices that cannot be read.
    """
    if settings.offline:
        cheaper = _offline(settings, f"{OFFLINE}/{settings.cheaper_model}") if settings.cheaper_model else None
        return replace(_offline(settings, OFFLINE), cheaper=cheaper)
    make = partial(_online, settings, Prices(load_prices(settings.prices), settings.base_url))
    cheaper = make(settings.cheaper_model) if settings.cheaper_model else None
    fallback = replace(make(settings.fallback_model), cheaper=cheaper) if settings.fallback_model else None
    model = make(settings.model)
    close = partial(_close_all, model, fallback, cheaper)
    return replace(model, fallback=fallback, cheaper=cheaper, close=close)


def _offline(settings: TaskSettings, name: str) -> ModelHandle:
    model = scripted_model(name, decide, settings.offline_token_delay_ms / 1000)
    return replace(model, resource=f"{OFFLINE}/rules", price=lambda _: 0.0)


def _online(settings: TaskSettings, prices: Prices, model: str) -> ModelHandle:
    secret = settings.api_key.get_secret_value() if settings.api_key else None
    name = model.removeprefix(RESPONSES_PREFIX)
    handle = openai_model(
        name,
        responses=model.startswith(RESPONSES_PREFIX),
        api_key=secret,
        base_url=settings.base_url,
        silence_s=settings.model_silence_s,
        request_s=settings.model_request_s,
    )
    return replace(
        handle,
        resource=_resource(settings.base_url, name),
        key=fingerprint_of(secret) if secret else "",
        price=partial(prices.cost_usd, name),
    )


def _resource(base_url: str | None, model: str) -> str:
    """Name a model among the services that limits are set for: by its provider, and by its own name there."""
    parts = urlsplit(base_url or "")
    provider = f"{parts.hostname or 'openai'}:{parts.port}" if parts.port else parts.hostname or "openai"
    return re.sub(r"[^A-Za-z0-9_.:/@+-]", "-", f"{provider}/{model}").lstrip("_.:/@+-")[:200]


async def _close_all(*models: ModelHandle | None) -> None:
    for model in models:
        if model is not None:
            await model.close()
