"""The children of a prefork pool: what ends a worker does not end them, its main process does; nor does theirs end it.

systemd sends SIGTERM, and a terminal SIGINT and SIGQUIT, to every process of a worker at once. Billiard 4.3 and Celery
5.7 expect them in the main process alone, with these faults, each of which has a test:

- In a child SIGTERM and SIGQUIT raise SystemExit in the middle of the body, whose job has then failed for good.
- A child that has not got so far as to handle signals dies of them, and with it the worker: "Could not start worker
  processes".
- SIGQUIT kills the process that keeps account of semaphores, and the worker ends in BrokenPipeError.
- A child that has died just before the connection to Redis is made anew is registered for its end a second time, by a
  file that is closed: the worker ends in "file descriptor is None".

The parts below reach into private names of Celery and billiard, whose versions the bound in `pyproject.toml` fixes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

from billiard import pool, popen_fork, popen_spawn_posix, semaphore_tracker, spawn
from celery.concurrency.asynpool import AsynPool

#: The signals that reach a whole worker at once.
SHARED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
#: By this one the main process ends a child. Billiard's own is SIGTERM, of which a child cannot tell who has sent it.
END = signal.SIGHUP
#: What a child does first of all: else it would load what the main process is spared.
LEAN = "from backdesk.worker.__main__ import load_lean; load_lean()"

_reset_signals = pool.reset_signals
_launch = popen_spawn_posix.Popen._launch  # noqa: SLF001 - see above
_command_line = spawn.get_command_line
_track = semaphore_tracker.SemaphoreTracker.ensure_running
_follow = AsynPool._track_child_process  # noqa: SLF001 - see above


def install() -> None:
    """Install it, in a main process or a child. Idempotent."""
    pool.TERM_SIGNAL = popen_fork.TERM_SIGNAL = END
    pool.reset_signals = _be_unmoved
    popen_spawn_posix.Popen._launch = _deaf(_launch)  # noqa: SLF001 - see above
    spawn.get_command_line = _lean_command_line
    semaphore_tracker.SemaphoreTracker.ensure_running = _deaf(_track)
    AsynPool._track_child_process = _follow_living  # noqa: SLF001 - see above


def _follow_living(children: AsynPool, child: Any, hub: Any) -> None:
    """Have the loop tell of the end of a child, unless it has told already."""
    if getattr(child, "_sentinel_poll", "never followed") is not None:
        _follow(children, child, hub)


def _lean_command_line(**options: Any) -> list[str]:
    *start, program, flag = _command_line(**options)
    return [*start, f"{LEAN}; {program}", flag]


def _be_unmoved(*args: Any, **kwargs: Any) -> None:
    """Handle signals in a child as billiard does, except for those that are meant for the whole worker."""
    signal.signal(END, signal.SIG_DFL)  # billiard leaves it ignored where it is, as under nohup
    _reset_signals(*args, **kwargs)
    for number in SHARED - {signal.SIGINT}:  # which billiard ignores
        # Not ignored but handled: a program that a body starts would inherit the former, and could not be terminated.
        signal.signal(number, _go_on)
        signal.siginterrupt(number, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SHARED)


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""


def _deaf(start: Callable[..., None]) -> Callable[..., None]:
    """Have a process start with the signals blocked, which it inherits."""

    @wraps(start)
    def start_deaf(*args: Any, **kwargs: Any) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SHARED)
        try:
            start(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return start_deaf
