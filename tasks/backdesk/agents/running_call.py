"""The call of a tool that is being made: by which name and id, for what the tool tells and keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from backdesk.worker.attempt.ledger import Suspended
from backdesk.worker.errors import ConfigurationError, Limited, TaskError


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call of a tool: `key` names it within its job, the same in every attempt, `call_id` within the events."""

    tool: str
    call_id: str
    key: str
    #: By when the jobs that it calls must be done, by the clock of the event loop; None: they are waited for.
    until: float | None = None


#: Each call has a task of its own, and so a value of its own.
running_call: ContextVar[RunningCall | None] = ContextVar("backdesk_running_call", default=None)


class CallWaits(TaskError):
    """A call has ended without effect, as its job must wait first, or cannot go on here: `leaving` says so.

    As an error of the step it takes back the announcement of what is not to be repeated: the call is made again.
    """

    def __init__(self, leaving: Suspended | Limited | ConfigurationError) -> None:
        super().__init__("tool_waits", "the call of the tool waits for others, or for what its deployment lacks")
        self.leaving = leaving


class NotInTime(TaskError):
    """A call has come to its deadline and is left behind: what it may have done, a repeat would not do again."""

    def __init__(self, after_s: float) -> None:
        super().__init__("tool_not_in_time", f"the call of the tool was not done within {after_s:g} s")
        self.after_s = after_s


@contextmanager
def waiting() -> Iterator[None]:
    """Raise CallWaits in place of what ends the attempt when a tool waits for others."""
    try:
        yield
    except (Suspended, Limited, ConfigurationError) as leaving:
        raise CallWaits(leaving) from None
