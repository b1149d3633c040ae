"""The models behind the agents: a server that speaks the OpenAI API, or rules that stand in for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from openai import AsyncOpenAI
from pydantic_ai import ModelSettings
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from backdesk.agents.metering import Estimates, RequestUsage


def _unknown(_used: RequestUsage) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A model, bound to the event loop that first uses it."""

    model: Model
    name: str
    offline: bool
    close: Callable[[], Awaitable[None]]
    #: Its name among the services that limits are set for, and the fingerprint of its key.
    resource: str = ""
    key: str = ""
    #: What is asked when this one is known to fail.
    fallback: ModelHandle | None = None
    #: What is asked when a budget is spent that is gone on with by cheaper means.
    cheaper: ModelHandle | None = None
    #: The cost of a request in US dollars, None when it is not known.
    price: Callable[[RequestUsage], float | None] = _unknown
    estimates: Estimates = field(default_factory=Estimates)


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
