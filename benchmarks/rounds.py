"""Repetitions: within each, every contender has its turn on a fresh Redis, so that a slow moment hits all of them."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import redis

from backdesk.worker.embedded.server import EmbeddedRedis

S = TypeVar("S")
#: How long a server may take to answer: scripts that are sent a hundred at a time take seconds on a busy machine.
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis that was started for one turn."""

    url: str
    client: redis.Redis


class Able(Protocol):
    """A system that may not be here."""

    def missing(self) -> str | None:
        """Say why it cannot run here, if it cannot."""


@dataclass(frozen=True, slots=True)
class Turn(Generic[S]):
    """What one contender does in each repetition."""

    label: str
    contender: Able
    run: Callable[[Server], S]


@dataclass(slots=True)
class Samples(Generic[S]):
    """What the turns gave, by label, and why some gave nothing."""

    taken: dict[str, list[S]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[str, str] = field(default_factory=dict)


def in_rounds(turns: Sequence[Turn[S]], repeat: int) -> Samples[S]:
    """Take turns `repeat` times, each time beginning with another contender."""
    samples: Samples[S] = Samples()
    samples.missing = {turn.label: why for turn in turns if (why := turn.contender.missing())}
    able = [turn for turn in turns if turn.label not in samples.missing]
    for repetition in range(repeat):
        first = repetition % len(able)
        for turn in able[first:] + able[:first]:
            samples.taken[turn.label].append(_take(turn, f"{repetition + 1}/{repeat}"))
    return samples


def _take(turn: Turn[S], repetition: str) -> S:
    print(f"  {repetition} {turn.label}", file=sys.stderr)
    with fresh_server() as server:
        return turn.run(server)


@contextmanager
def fresh_server() -> Iterator[Server]:
    """Run a Redis for the length of the block."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url, socket_timeout=PATIENCE_S) as client:
        yield Server(server.url, client)
