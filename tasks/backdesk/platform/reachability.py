"""Whether what tools cannot work without can be reached: asked all at once, none for longer than a time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backdesk.platform.tool_settings import Dependency

#: Words of an error that are told.
MOST_TOLD = 300


class Reach(StrEnum):
    """What came of a check."""

    REACHED = "reached"
    FAILED = "failed"
    #: A library is not installed here that it takes: where workers run it may well be.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reached:
    """One dependency: what was found, or what is wrong; and how long it took, in seconds."""

    dependency: Dependency
    reach: Reach
    told: str
    seconds: float


def check_all(dependencies: Sequence[Dependency], timeout_s: float) -> list[Reached]:
    """Check dependencies side by side, and return what came of each in their order, after `timeout_s` at the latest.

    A check that goes on is left behind: it does not keep the process from ending.
    """
    began, answers = time.monotonic(), queue.SimpleQueue[tuple[int, Reached]]()
    for at, dependency in enumerate(dependencies):
        threading.Thread(target=_check, args=(at, dependency, answers), daemon=True).start()
    found: dict[int, Reached] = {}
    while len(found) < len(dependencies):
        try:
            at, reached = answers.get(timeout=max(0.0, began + timeout_s - time.monotonic()))
        except queue.Empty:
            break
        found[at] = reached
    return [
        found.get(at) or Reached(dependency, Reach.FAILED, f"did not answer within {timeout_s:g} s", timeout_s)
        for at, dependency in enumerate(dependencies)
    ]


def _check(at: int, dependency: Dependency, answers: queue.SimpleQueue[tuple[int, Reached]]) -> None:
    began = time.monotonic()
    try:
        reach, told = Reach.REACHED, dependency.check()
    except ImportError as error:
        reach, told = Reach.UNKNOWN, f"cannot be checked here: {error}"
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is what was asked
        reach, told = Reach.FAILED, f"{type(error).__name__}: {error}"
    answers.put((at, Reached(dependency, reach, " ".join(told.split())[:MOST_TOLD], time.monotonic() - began)))
