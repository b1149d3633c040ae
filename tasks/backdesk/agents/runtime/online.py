"""A model on a server that speaks the OpenAI API.

Its client is a third of all that a process with agents loads, so this module is loaded where a model is configured and
asked: not with a kind, and so not by workers of other queues.
"""

from __future__ import annotations

from openai import AsyncOpenAI
from pydantic_ai import ModelSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from backdesk.agents.runtime.models import ModelHandle


def openai_model(
    name: str,
    *,
    responses: bool,
    api_key: str | None,
    base_url: str | None,
    silence_s: float,
    request_s: float,
) -> ModelHandle:
    """Connect to a server that speaks the OpenAI API. Nothing is sent yet."""
    # The engine decides about repeats: a client that sleeps and retries would hold a slot that nobody sees.
    client = AsyncOpenAI(api_key=api_key or "none", base_url=base_url, max_retries=0, timeout=silence_s)
    settings = ModelSettings(timeout=silence_s, request_timeout=request_s)
    provider = OpenAIProvider(openai_client=client)
    kind = OpenAIResponsesModel if responses else OpenAIChatModel
    return ModelHandle(kind(name, provider=provider, settings=settings), name, offline=False, close=client.close)


async def visit() -> None:
    """Come to the parts of a client that it loads at its first request, without one."""
    async with AsyncOpenAI(api_key="none") as client:
        _ = client.chat.completions, client.responses
