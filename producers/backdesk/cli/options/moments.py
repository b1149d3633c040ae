"""Times as people type them: `90`, `10s`, `5m`, `2h`, `1d`, or a moment in ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from backdesk.worker.errors import InvalidRequest

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


def read_span(option: str, text: str) -> timedelta:
    """Return a length of time; raises InvalidRequest that names the option."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InvalidRequest(option, f"{text!r} is no length of time; write seconds, or such as 10s, 5m, 2h, 1d")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS_S[match[2]])
    except OverflowError:
        raise InvalidRequest(option, f"{text!r} is too long") from None


def read_moment(option: str, text: str) -> datetime:
    """Return a moment; raises InvalidRequest that names the option."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        sample = "2030-01-31T09:00:00+01:00"
        raise InvalidRequest(option, f"{text!r} is no moment in ISO 8601, such as {sample}") from None


def read_span_or_moment(option: str, text: str) -> timedelta | datetime:
    """Return whichever of the two the text is; raises InvalidRequest that names the option."""
    if _SPAN.fullmatch(text.strip()):
        return read_span(option, text)
    try:
        return read_moment(option, text)
    except InvalidRequest:
        reason = f"{text!r} is neither a length of time, such as 10m, nor a moment in ISO 8601"
        raise InvalidRequest(option, reason) from None


def shown_span(seconds: float) -> str:
    """Return a length of time for people: `0.84 s`, `2 min 5 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    for size, name, smaller, smaller_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {name} {rest // smaller} {smaller_name}" if rest // smaller else f"{whole} {name}"
    raise AssertionError("unreachable: every span of a minute or more has a unit")


def rough_span(seconds: float) -> str:
    """Return a length of time in its largest unit alone: `42 s`, `22 min`, `3 h`, `2 d`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return " ".join(shown_span(seconds).split()[:2])
