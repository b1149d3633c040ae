"""The published prices of all models: 4 MB of tables, of which a process asks for one or two providers'."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider

#: The provider by whose prices the agents' library goes where it knows no better.
_ASKED_FOR = "openai"


def put_away() -> None:
    """Keep OpenAI's models, and of other providers where they are: whoever asks for their models reads them."""
    for provider in get_snapshot().providers:
        if provider.id != _ASKED_FOR:
            provider.models = _Unread(provider)
    _forget()


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
