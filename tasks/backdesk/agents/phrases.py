"""Sentences for customers that no model writes: data, by name and language, in a TOML file of whoever says them.

```toml
[refund]
en = "Order {order_number} was refunded: {amount}."
de = "Bestellung {order_number} wurde erstattet: {amount}."
```
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

#: What is said where a sentence has no translation.
DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one file, which is read when the first is said."""

    file: Path

    def say(self, name: str, language: str, /, **facts: object) -> str:
        """Return a sentence in a language (ISO 639-1), else in English; empty when there is none of this name.

        Facts may have any name.
        """
        sentences = self.all().get(name, {})
        return sentences.get(language, sentences.get(DEFAULT, "")).format_map(facts)

    def all(self) -> dict[str, dict[str, str]]:
        """Return all sentences: by name, then by language."""
        return _read(self.file)


def moment(at: datetime, zone: str, language: str) -> str:
    """Write a moment by the clocks of a zone: `Monday, 30 March 2026, 10:00 (Europe/Berlin)`."""
    from babel.dates import format_date, format_datetime  # noqa: PLC0415 - costly: only answers without a model take it

    there = at.astimezone(ZoneInfo(zone))
    if language == DEFAULT:
        return f"{format_datetime(there, 'EEEE, d MMMM y, HH:mm', locale=language)} ({zone})"
    return f"{format_date(there, 'full', locale=language)}, {there:%H:%M} ({zone})"


def money(cents: int, currency: str, language: str) -> str:
    """Write an amount as a language does."""
    from babel.numbers import format_currency  # noqa: PLC0415 - costly, as above

    return str(format_currency(cents / 100, currency, locale=language))


@cache
def _read(file: Path) -> dict[str, dict[str, str]]:
    return tomllib.loads(file.read_text("utf-8"))
