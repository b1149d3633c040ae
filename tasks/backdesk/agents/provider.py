"""Which model answers: the configured one, or the rules of the offline model when none is configured."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from backdesk.agents.failures import NO_MODEL, ModelFailure
from backdesk.agents.offline.blind import blind
from backdesk.agents.prices import Prices, load_prices
from backdesk.agents.runtime import ModelHandle, scripted_model
from backdesk.agents.situation import Decide
from backdesk.platform.settings import RESPONSES_PREFIX, TaskSettings
from backdesk.worker.model.service import fingerprint_of

if TYPE_CHECKING:
    from backdesk.agents.runtime.embedding import EmbeddingModel

OFFLINE = "offline"

#: Which of the models: its name, or the rules in its place.
Which = str | Decide | None
#: An HTTP client belongs to the loop on which it is used, so each loop has its own; a worker process has
#: one loop, and a forked child begins with a new one.
_handles: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[TaskSettings, dict[Which, ModelHandle]]] = (
    WeakKeyDictionary()
)
_embedding: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[TaskSettings, EmbeddingModel]] = WeakKeyDictionary()


#: Answers in place of every model of this process, whatever is configured.
_stand_in: ModelHandle | None = None


@contextmanager
def stand_in(model: ModelHandle) -> Iterator[None]:
    """Have this model answer within the block, for tests; it must not be bound to a loop."""
    global _stand_in  # noqa: PLW0603 - bodies find their model by themselves, on another thread than the test's
    before, _stand_in = _stand_in, model
    try:
        yield
    finally:
        _stand_in = before


def current_model(settings: TaskSettings, rules: Decide | None, name: str | None = None) -> ModelHandle:
    """Return the running loop's model of this name; made at its first use, and again when the settings are others.

    Without a name it is the deployment's. `rules` are asked where no model is configured, by whatever name; raises
    ModelFailure where there are none either.
    """
    if _stand_in is not None:
        return _stand_in
    loop = asyncio.get_running_loop()
    known = _handles.get(loop)
    if known is None or known[0] is not settings:
        known = _handles[loop] = (settings, {})
    which = rules if settings.offline else name or settings.model
    if which not in known[1]:
        known[1][which] = make_model(settings, rules, name)
    return known[1][which]


def judge_model(settings: TaskSettings) -> ModelHandle | None:
    """Return the running loop's model that judges, None where none is configured. No other one stands in for it."""
    if settings.judge_model is None or (settings.offline and _stand_in is None):
        return None
    return replace(current_model(settings, None, settings.judge_model), fallback=None, cheaper=None)


def embedding_model(settings: TaskSettings) -> EmbeddingModel:
    """Return the running loop's model of embeddings. Raises LookupError where none is configured."""
    from backdesk.agents.runtime.embedding import EmbeddingModel  # noqa: PLC0415 - as a model online

    if settings.embeddings_model is None:
        raise LookupError("no model of embeddings is configured")
    loop = asyncio.get_running_loop()
    known = _embedding.get(loop)
    if known is None or known[0] is not settings:
        made = EmbeddingModel(
            settings.embeddings_model,
            api_key=settings.key_of_embeddings,
            base_url=settings.address_of_embeddings,
            timeout_s=settings.model_silence_s,
        )
        known = _embedding[loop] = (settings, made)
    return known[1]


def model_name(settings: TaskSettings) -> str:
    """Return the name of the model that would be asked."""
    return OFFLINE if settings.offline else settings.model.removeprefix(RESPONSES_PREFIX)


async def close_model() -> None:
    """Close the connections of the running loop's models, if there are any."""
    loop = asyncio.get_running_loop()
    known, embedding = _handles.pop(loop, None), _embedding.pop(loop, None)
    for model in (*(known[1].values() if known else ()), *(embedding[1:] if embedding else ())):
        await model.close()


def make_model(settings: TaskSettings, rules: Decide | None, name: str | None = None) -> ModelHandle:
    """Build the model of this name, else the one that the settings name, and those that stand in for it.

    Raises ConfigurationError for prices that cannot be read, ModelFailure when there is neither a model nor rules.
    """
    if settings.offline:
        return _stand_in_of(settings, rules)
    make = partial(_online, settings, Prices(load_prices(settings.prices), settings.base_url))
    first = name or settings.model
    cheaper = make(settings.cheaper_model) if settings.cheaper_model else None
    other = settings.fallback_model
    fallback = replace(make(other), cheaper=cheaper) if other and other != first else None
    model = make(first)
    close = partial(_close_all, model, fallback, cheaper)
    return replace(model, fallback=fallback, cheaper=cheaper, close=close)


def _stand_in_of(settings: TaskSettings, rules: Decide | None) -> ModelHandle:
    if rules is None:
        raise ModelFailure("no_model", NO_MODEL)
    make = partial(_offline, settings, rules)
    cheaper = make(f"{OFFLINE}/{settings.cheaper_model}") if settings.cheaper_model else None
    return replace(make(OFFLINE), cheaper=cheaper)


def _offline(settings: TaskSettings, rules: Decide, name: str) -> ModelHandle:
    model = scripted_model(name, blind(rules), settings.offline_token_delay_ms / 1000)
    return replace(model, resource=f"{OFFLINE}/rules", price=lambda _: 0.0)


def _online(settings: TaskSettings, prices: Prices, model: str) -> ModelHandle:
    from backdesk.agents.runtime.online import openai_model  # noqa: PLC0415 - costly, see there

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
        resource=resource_of(settings.base_url, name),
        key=fingerprint_of(secret) if secret else "",
        price=partial(prices.cost_usd, name),
    )


def resource_of(base_url: str | None, model: str, maker: str = "openai") -> str:
    """Name a model among the services that limits are set for: by its provider, and by its own name there.

    The provider is the host of the address; without one it is the maker.
    """
    parts = urlsplit(base_url or "")
    host = parts.hostname or maker
    provider = f"{host}:{parts.port}" if parts.port else host
    return re.sub(r"[^A-Za-z0-9_.:/@+-]", "-", f"{provider}/{model}").lstrip("_.:/@+-")[:200]


async def _close_all(*models: ModelHandle | None) -> None:
    for model in models:
        if model is not None:
            await model.close()
