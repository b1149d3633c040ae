"""What a turn is made of. Each part names the event it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backdesk.worker.model.asks import Ask
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobState


@dataclass(frozen=True, slots=True)
class Part:
    """Something that happened in a turn."""

    event: JobEvent


@dataclass(frozen=True, slots=True)
class Began(Part):
    """An attempt began: the first, or another after one that came to nothing or waited."""


@dataclass(frozen=True, slots=True)
class TextDelta(Part):
    """More of the answer: the deltas since the last `TextVoided` are the answer so far, at the end all of it."""

    text: str


@dataclass(frozen=True, slots=True)
class TextVoided(Part):
    """The answer so far is void; another follows. Only where there was any."""


@dataclass(frozen=True, slots=True)
class ToolCalled(Part):
    """A tool was called."""

    call_id: str
    tool: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class ToolReturned(Part):
    """A call of a tool came back: whether it did what it was to, and what came of it in short."""

    call_id: str
    tool: str
    good: bool
    summary: str


@dataclass(frozen=True, slots=True)
class AgentChanged(Part):
    """Another agent goes on."""

    agent: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class Progressed(Part):
    """How far the work is: a part of 1 if that is known, and words if there are any."""

    fraction: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Asked(Part):
    """The job waits: for people, if there are asks, else for jobs that it has called."""

    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Answered(Part):
    """One of these was answered."""

    name: str
    decision: str
    by: str


@dataclass(frozen=True, slots=True)
class Ended(Part):
    """The turn is over. Of a job that succeeded, the text is the whole answer, and `result` what it is a field of.

    Otherwise `code` and `message` say why. A job whose message another one has taken is `steered`, `into` that one.
    """

    state: JobState
    text: str = ""
    result: Any = None
    code: str = ""
    message: str = ""
    into: str | None = None


@dataclass(frozen=True, slots=True)
class Other(Part):
    """Anything else that was told: a plan, a request to the model, an event of the kind's own."""
