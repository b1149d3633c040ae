"""Measures: numbers that jobs tell of themselves, which are counted together at their ends. Plain values."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import Field

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 64
#: Of one job: measures are named by what is measured, never by whom or when.
MOST_MEASURES = 50
#: What is more than this is a mistake of units.
LARGEST = 1e15

#: What is counted of every job that used a model or measured something, by the engine itself: seconds in which attempts
#: ran; seconds from the submission, or the time that the job was meant for, to the first start; attempts.
OF_EVERY_JOB = ("run_seconds", "wait_seconds", "attempts")
#: What is counted besides of one that used a model. The cost is left out where it is not known.
OF_MODELS = ("requests", "cached_requests", "input_tokens", "output_tokens", "tool_calls", "cost_usd")

#: The measures of one job, by name.
Measures = Annotated[
    dict[str, Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]], Field(max_length=MOST_MEASURES)
]


def check_measure(name: str, value: float) -> None:
    """Raise ValueError for a name that is none or the engine's own, and for what is no finite number."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(f"{name!r} names no measure: write lower-case words with _ between them, as rows_read")
    if name in OF_EVERY_JOB or name in OF_MODELS:
        raise ValueError(f"{name!r} is measured by the engine; choose another name")
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST:
        raise ValueError(f"{name} must be a finite number of at most {LARGEST:g}, not {value!r}")
