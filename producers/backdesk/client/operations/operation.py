"""An operation of a client, without saying how it waits.

A generator: it yields what to ask of Redis, is sent the answers, and returns its value. The blocking and the asyncio
client only differ in how they drive it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.store.archive import Archive
from backdesk.worker.store.scripts import Call

T = TypeVar("T")

Command = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Commands:
    """Plain Redis commands for one round trip; answered with the list of their replies."""

    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Calls:
    """Script calls for one round trip; answered with the list of their values. All may be repeated without harm."""

    calls: Sequence[Call[Any]]


@dataclass(frozen=True, slots=True)
class InArchive:
    """A question to the archive; answered with a list of its one answer. Only where the settings name an archive.

    What the archive raises is raised where the question is yielded.
    """

    ask: Callable[[Archive], Any]


@dataclass(frozen=True, slots=True)
class InBlobs:
    """Something to be done with the store of blobs; answered with a list of its one answer.

    What that raises is raised where it is yielded.
    """

    do: Callable[[BlobStore], Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to a gateway; answered with a list of its one `HttpAnswer`. May be repeated without harm.

    The body is JSON, or bytes as they are. The answer may take `wait_s` longer than others.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A good answer of a gateway."""

    status: int
    content: bytes


#: What an operation may yield.
Step = Commands | Calls | InArchive | InBlobs | HttpRequest
#: An operation: yields what to ask, is sent the replies, returns its value.
Operation = Generator[Step, list[Any], T]


def raise_first(replies: list[Any]) -> list[Any]:
    """Return the replies, unless one of them is an error: then raise it."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
