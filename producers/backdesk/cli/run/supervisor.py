"""Keeps a set of parts running: starts them, waits until they are ready, restarts what dies, stops them in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.run.stop_signals import StopRequest

#: A part that dies again and again is given up after this many restarts in a row.
MOST_RESTARTS = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
#: Running for this long ends the row.
STEADY_S = 60.0
POLL_S = 0.1


class Part(Protocol):
    """Something that runs until it is stopped."""

    name: str
    patience_s: float

    @property
    def log(self) -> Path: ...

    @property
    def running(self) -> bool: ...

    @property
    def ending(self) -> str: ...

    def start(self) -> None: ...

    def tail(self) -> str: ...

    def ask_to_stop(self) -> None: ...

    def kill(self) -> None: ...


@dataclass(slots=True)
class Post:
    """A part with what is known of it."""

    part: Part
    is_ready: Callable[[], bool]
    tier: int
    restarts: int = 0
    started_at: float = 0.0
    #: When it is to be started again; None while it runs.
    due_at: float | None = None


def pause_before(restart: int) -> float:
    """Return the pause before the nth restart in a row, in seconds: it doubles from one second to thirty."""
    return float(min(FIRST_PAUSE_S * 2 ** (restart - 1), LONGEST_PAUSE_S))


@dataclass(slots=True)
class Supervisor:
    """Runs parts. Those of a higher tier need those of a lower one, and are stopped before them."""

    asked: StopRequest
    #: Told of each restart: the part, what happened, and the last lines of its log.
    report: Callable[[Part, str, str], None]
    posts: list[Post] = field(default_factory=list)

    def add(self, part: Part, tier: int, is_ready: Callable[[], bool] = lambda: True) -> None:
        """Start a part; it is stopped by `stop` even if its start fails."""
        post = Post(part, is_ready, tier)
        self.posts.append(post)
        self._start(post)

    def wait_until_ready(self, within_s: float) -> None:
        """Return once all parts are ready, or we are asked to stop; raises CommandFailed when one dies or is late."""
        end = time.monotonic() + within_s
        waiting = list(self.posts)
        while waiting and not self.asked:
            for post in self.posts:
                if not post.part.running:
                    raise _failed(post.part, f"{post.part.name} {post.part.ending} at its start")
            if time.monotonic() > end:
                raise _failed(waiting[0].part, f"{waiting[0].part.name} was not ready within {within_s:g} s")
            waiting = [post for post in waiting if not post.is_ready()]
            time.sleep(POLL_S)

    def run(self) -> None:
        """Restart what dies, until we are asked to stop; raises CommandFailed when a part cannot be kept alive."""
        while not self.asked:
            for post in self.posts:
                self._look_after(post)
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop all parts, tier by tier; at once when we are asked a second time. Idempotent."""
        for tier in sorted({post.tier for post in self.posts}, reverse=True):
            parts = [post.part for post in self.posts if post.tier == tier]
            for part in parts:
                part.ask_to_stop()
            end = time.monotonic() + max(part.patience_s for part in parts)
            while any(part.running for part in parts) and time.monotonic() < end and self.asked.times < 2:
                time.sleep(POLL_S)
            for part in parts:
                part.kill()

    def _look_after(self, post: Post) -> None:
        now = time.monotonic()
        if post.due_at is not None:
            if now >= post.due_at:
                self._start(post)
        elif not post.part.running:
            self._schedule(post, now)

    def _schedule(self, post: Post, now: float) -> None:
        post.restarts = 1 if now - post.started_at > STEADY_S else post.restarts + 1
        if post.restarts > MOST_RESTARTS:
            raise _failed(post.part, f"{post.part.name} {post.part.ending}, {post.restarts} times in a row")
        pause = pause_before(post.restarts)
        self.report(post.part, f"{post.part.name} {post.part.ending}; it starts again in {pause:g} s", post.part.tail())
        post.due_at = now + pause

    def _start(self, post: Post) -> None:
        post.part.start()
        post.started_at, post.due_at = time.monotonic(), None


def _failed(part: Part, sentence: str) -> CommandFailed:
    return CommandFailed("not_running", f"{sentence}; its log {part.log} ends with:", ExitCode.FAILED, part.tail())
