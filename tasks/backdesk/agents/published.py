"""The published prices of all models: 4 MB of tables, of which a process asks for one or two providers'.

The agents' library looks up the price of each response by itself. Of a model that has none it compares the name to all
that there are, four times in a small run: a tenth of what that takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module

import genai_prices
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ModelInfo, Provider

#: The provider by whose prices the agents' library goes where it knows no better.
_ASKED_FOR = "openai"
#: Models without a price that are remembered; servers may answer by any name.
_MOST_UNKNOWN = 1000


def put_away() -> None:
    """Keep OpenAI's models, and of other providers where they are: whoever asks for their models reads them.

    What was looked for in vain is not looked for again. Idempotent.
    """
    published = get_snapshot()
    for provider in published.providers:
        if provider.id != _ASKED_FOR:
            provider.models = _Unread(provider)
    if not isinstance(published, _Published):
        set_custom_snapshot(_Published(published.providers, published.from_auto_update))
    _forget()


@dataclass
class _Published(DataSnapshot):
    """Prices that remember for which models there is none."""

    _unknown: set[tuple[str | None, ...]] = field(default_factory=set, init=False)

    def find_provider_model(
        self, model_ref: str, provider: Provider | None, provider_id: str | None, provider_api_url: str | None
    ) -> tuple[Provider, ModelInfo]:
        asked = (model_ref, provider.id if provider else None, provider_id, provider_api_url)
        if asked in self._unknown:
            raise LookupError(f"no price of {model_ref!r} is published")
        try:
            return super().find_provider_model(model_ref, provider, provider_id, provider_api_url)
        except LookupError:
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown.add(asked)
            raise


class _Unread(list[ModelInfo]):
    """The models of a provider, which are read when somebody looks at them: 20 ms, once."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def __iter__(self) -> Iterator[ModelInfo]:
        read: list[Provider] = import_module("genai_prices.data").providers
        _forget()
        self._provider.models = next(each.models for each in read if each.id == self._provider.id)
        return iter(self._provider.models)


def _forget() -> None:
    """Have the tables loaded anew when they are asked for again."""
    sys.modules.pop("genai_prices.data", None)
    vars(genai_prices).pop("data", None)
