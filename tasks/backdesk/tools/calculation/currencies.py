"""Currencies, by their codes and a few signs."""

from __future__ import annotations

from functools import cache

_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "euro": "EUR", "euros": "EUR", "dollars": "USD"}


def currency_named(name: str) -> str | None:
    """Return the code of a currency, None for what is none: euro, €, EUR."""
    if (code := _SIGNS.get(name) or _SIGNS.get(name.lower())) is not None:
        return code
    return name if len(name) == 3 and name.isupper() and name in _codes() else None


def places_of(currency: str) -> int:
    """Return how many decimal places amounts of a currency have."""
    from babel.numbers import get_currency_precision  # noqa: PLC0415 - costly at the start of a worker

    return int(get_currency_precision(currency))


@cache
def _codes() -> frozenset[str]:
    from babel.numbers import list_currencies  # noqa: PLC0415 - costly at the start of a worker

    return frozenset(list_currencies())
