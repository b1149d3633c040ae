"""Prices of the markets, from an API that answers for one symbol at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from backdesk.agents import Desk
from backdesk.kinds.briefing.contract import Item, Section
from backdesk.kinds.briefing.samples import read_sample, sampled
from backdesk.kinds.briefing.settings import BriefingSettings
from backdesk.tools import ApiKey, HttpAnswer, http_tool
from backdesk.worker.errors import Limited, TaskError

NOT_TO_BE_HAD = "not to be had"


async def markets(desk: Desk, settings: BriefingSettings, symbols: Sequence[str]) -> Section:
    """Return the prices of symbols; one that is not to be had says so. Raises TaskError when none is."""
    if not settings.quotes:
        items = tuple(_item(each["symbol"], each, "c", "dp") for each in read_sample("markets"))
        return sampled(Section(topic="markets", source="Finnhub", items=items))
    key = ApiKey.in_query(settings.quotes_key_parameter, "BACKDESK_BRIEFING_QUOTES_KEY")
    ask = http_tool(
        "quote",
        f"GET {settings.quotes}",
        "The price of a symbol.",
        query={settings.quotes_symbol: str},
        key=key if settings.quotes_key_parameter else None,
        ttl_s=settings.ttl_s,
        public=True,
        private=settings.private,
    )
    calls = (ask(desk, **{settings.quotes_symbol: symbol}) for symbol in symbols)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for each in answers:
        if isinstance(each, BaseException) and not isinstance(each, TaskError | Limited):
            raise each  # no fault of a symbol
    good = [each for each in answers if isinstance(each, HttpAnswer) and each.status < 400]
    if not good:
        raise next((each for each in answers if isinstance(each, BaseException)), _unreadable())
    items = tuple(_read(symbol, each, settings) for symbol, each in zip(symbols, answers, strict=True))
    at = min(each.fetched_at for each in good)
    return Section(topic="markets", source=good[0].source, url=settings.quotes, fetched_at=at, items=items)


def _unreadable() -> TaskError:
    return TaskError("source_unreadable", "no symbol has a price there")


def _read(symbol: str, answer: object, settings: BriefingSettings) -> Item:
    if not isinstance(answer, HttpAnswer) or answer.status >= 400:
        return Item(title=symbol, detail=NOT_TO_BE_HAD)
    return _item(symbol, answer.data, settings.quotes_price, settings.quotes_change)


def _item(symbol: str, told: Any, price: str, change: str) -> Item:
    at, by = _at(told, price), _at(told, change)
    if not isinstance(at, int | float):
        return Item(title=symbol, detail=NOT_TO_BE_HAD)
    return Item(title=symbol, detail=f"{at:,.2f}{f' ({by:+.2f} %)' if isinstance(by, int | float) else ''}")


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
