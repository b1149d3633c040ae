"""Which model answers: the configured one, or the rules of the offline model when none is configured."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from tasks.agents.offline import decide
from tasks.agents.runtime import ModelHandle, openai_model, scripted_model
from tasks.settings import RESPONSES_PREFIX, TaskSettings

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
    """Build the model that the settings name."""
    if settings.offline:
        return scripted_model(OFFLINE, decide, settings.offline_token_delay_ms / 1000)
    return openai_model(
        settings.model.removeprefix(RESPONSES_PREFIX),
        responses=settings.model.startswith(RESPONSES_PREFIX),
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        base_url=settings.base_url,
        silence_s=settings.model_silence_s,
        request_s=settings.model_request_s,
    )
