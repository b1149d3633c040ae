"""Whether what tools cannot work without can be reached: asked all at once, none for longer than a time."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from backdesk.platform.dependency import Dependency, Unfit
from backdesk.platform.public_address import PrivateAddress
from backdesk.platform.tool_settings import without_secrets
from backdesk.worker.errors import ConfigurationError

#: Characters of what was found, or is wrong, that are told.
MOST_TOLD = 300
#: What to do about what is wrong, where a check does not say it.
_SEE = "see that it runs and can be reached from here"
_FIXES: dict[type[Exception], str] = {
    ConfigurationError: "correct what it names; calls fail until then",
    PrivateAddress: "say where it is declared that it may be private, if that is meant",
    socket.gaierror: "see whether the name of its host is right, and known here",
}


class Reach(StrEnum):
    """What came of a check."""

    REACHED = "reached"
    FAILED = "failed"
    #: It works, and something about it is not as it should be.
    DOUBTFUL = "doubtful"
    #: A library is not installed here that it takes: where workers run it may well be.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reached:
    """One dependency: what was found, or what is wrong and what to do; and how long it took, in seconds."""

    dependency: Dependency
    reach: Reach
    told: str
    seconds: float
    fix: str = ""


def check_all(dependencies: Sequence[Dependency], timeout_s: float) -> list[Reached]:
    """Check dependencies side by side, and return what came of each in their order, after `timeout_s` at the latest.

    What is told is without the secrets of a dependency. A check that goes on is left behind: it does not keep the
    process from ending.
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
        found.get(at) or Reached(dependency, Reach.FAILED, f"did not answer within {timeout_s:g} s", timeout_s, _SEE)
        for at, dependency in enumerate(dependencies)
    ]


def _check(at: int, dependency: Dependency, answers: queue.SimpleQueue[tuple[int, Reached]]) -> None:
    began, fix = time.monotonic(), ""
    try:
        reach, told = Reach.REACHED, dependency.check()
    except ImportError as error:
        reach, told = Reach.UNKNOWN, f"cannot be checked here: {error}"
    except Unfit as error:
        reach, told, fix = Reach.DOUBTFUL if error.works else Reach.FAILED, str(error), error.fix
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is what was asked
        fix = next((each for kind, each in _FIXES.items() if isinstance(error, kind)), _SEE)
        plain = isinstance(error, ConfigurationError | PrivateAddress)
        reach, told = Reach.FAILED, str(error) if plain else f"{type(error).__name__}: {error}"
    # Masked first: a half of a secret would not be known as one.
    told = without_secrets(" ".join(told.split()), _secrets_of(dependency))[:MOST_TOLD]
    answers.put((at, Reached(dependency, reach, told, time.monotonic() - began, fix)))


def _secrets_of(dependency: Dependency) -> Iterable[str]:
    with suppress(ConfigurationError):  # what is not there cannot be told either
        return [*dependency.secrets()]
    return ()
