"""What models cost: by the deployment's own table, else by the published prices that `genai_prices` keeps.

A price that neither knows is unknown, never a guess. Nothing is fetched: published prices are those of the installed
version of the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from genai_prices import Usage, calc_price
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from backdesk.agents.metering import RequestUsage
from backdesk.worker.errors import ConfigurationError

#: Where requests go when no address is configured.
OPENAI = "https://api.openai.com/v1"
MILLION = 1_000_000

PerMillion = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """The price of a model in US dollars a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: PerMillion
    output: PerMillion


class Prices:
    """The prices of the models at one address, None being that of OpenAI; `table` goes before what is published."""

    def __init__(self, table: Mapping[str, Price], base_url: str | None) -> None:
        self._table = table
        self._address = base_url or OPENAI
        #: Which models have none. Four look-ups a request, each in vain, took 1.5 % of a run.
        self._unpriced: set[str] = set()

    def cost_usd(self, model: str, used: RequestUsage) -> float | None:
        """Return what a request costs in US dollars, None when the model has no known price at this address."""
        if (price := self._table.get(model)) is not None:
            return (used.input_tokens * price.input + used.output_tokens * price.output) / MILLION
        return None if model in self._unpriced else self._published(model, used)

    def _published(self, model: str, used: RequestUsage) -> float | None:
        usage = Usage(
            input_tokens=used.input_tokens,
            cache_read_tokens=used.cached_input_tokens,
            output_tokens=used.output_tokens,
        )
        try:
            # By the address, not by the name: the same name at another address is another offer.
            total: Decimal = calc_price(usage, model, provider_api_url=self._address).total_price
        except LookupError:
            self._unpriced.add(model)
            return None
        except ValueError:
            return None
        return float(total)


def load_prices(path: Path | None) -> dict[str, Price]:
    """Read a table of prices: `{"model": {"input": USD, "output": USD}}`. Raises ConfigurationError."""
    if path is None:
        return {}
    try:
        return TypeAdapter(dict[str, Price]).validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"BACKDESK_PRICES: {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"BACKDESK_PRICES: {path}: {f'{where}: ' if where else ''}{first['msg']}; "
            'it must be like {"my-model": {"input": 0.5, "output": 1.5}}, in USD a million tokens'
        ) from None
