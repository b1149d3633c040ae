"""What a job has measured of itself, as people read it."""

from __future__ import annotations

from collections.abc import Mapping

from backdesk.cli.options.moments import shown_span
from backdesk.cli.safe_text import safe_line

_SECONDS = "_seconds"
#: What agents measure, in the order in which it is told, with the words for one and for other numbers.
_WORDS = {"corrections": ("correction", "corrections"), "handoffs": ("hand-off", "hand-offs")}
_ORDER = ("first_token_seconds", "tokens_per_second", "model_seconds", "quality", "corrections", "handoffs")


def measures_text(measures: Mapping[str, float]) -> str:
    """Return all measures of a job as one line."""
    names = [*(name for name in _ORDER if name in measures), *sorted(measures.keys() - {*_ORDER})]
    return ", ".join(_told(name, measures[name]) for name in names)


def figure(value: float) -> str:
    """Return a number in three digits, or all of a whole one: `0.84`, `12,345`."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _told(name: str, value: float) -> str:
    if name in _WORDS:
        return f"{figure(value)} {_WORDS[name][value != 1]}"
    if name == "tokens_per_second":
        return f"{figure(value)} tokens/s"
    words = safe_line(name).replace("_", " ")
    if name.endswith(_SECONDS) and value >= 0:
        return f"{words.removesuffix(' seconds')} {shown_span(value)}"
    return f"{words} {figure(value)}"
