"""What other Celery applications have on our database: their workers, and their messages.

Kombu, by which every Celery speaks to Redis, keeps a set for each of its exchanges: which queues are bound to it. A
worker binds one of its own name, by which it is controlled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from backdesk.worker.celery.inbox import inboxes
from backdesk.worker.celery.messages import task_name
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys

_BINDINGS = "_kombu.binding."
_SEPARATOR = "\x06\x16"
_CONTROL = ".pidbox"
#: Keys looked at for sets of kombu: a part of a large database, in a few milliseconds of its time.
_SCANS, _SCANNED = 50, 1000
#: The list of every application that names none.
_USUAL_LIST = "celery"
_NAMED = 5


@dataclass(slots=True)
class Neighbours:
    """Others on our database. Of a long list only the oldest messages are looked at, so numbers are at least these."""

    workers: list[str] = field(default_factory=list)
    #: Lists that they have bound.
    lists: set[str] = field(default_factory=set)
    #: For each list, how many messages of which task lie there.
    messages: dict[str, Counter[str]] = field(default_factory=dict)
    #: Those that are called like a kind of ours, in a list that no worker of ours reads.
    astray: dict[str, Counter[str]] = field(default_factory=dict)

    def contested(self, settings: Settings) -> list[str]:
        """Lists out of which we take what is called like our kinds, and their workers take everything."""
        return sorted(self.lists & set(settings.shared_inboxes)) if self.workers else []

    @property
    def texts(self) -> Iterator[str]:
        """Each matter in a sentence, for people."""
        if self.workers:
            yield f"workers of other Celery applications: {_some(self.workers)}"
        for name, tasks in sorted(self.messages.items()):
            yield f"{tasks.total()} messages of others in the list {name}: {_some(sorted(tasks))}"
        for name, tasks in sorted(self.astray.items()):
            yield f"{tasks.total()} messages for kinds here in the unread list {name}: {_some(sorted(tasks))}"


def find_neighbours(client: redis.Redis, settings: Settings) -> Neighbours:
    """Look for others on the database, without touching what is theirs: as far as our user may see it."""
    found = Neighbours()
    bindings: list[tuple[str, set[str]]] = []
    with suppress(NoPermissionError):
        bindings += _bindings(client, settings)
    for exchange, queues in bindings:
        if exchange.endswith(_CONTROL):
            found.workers += sorted(queue.removesuffix(f".{exchange}") for queue in queues)
        else:
            found.lists |= queues
    known = set(map(text, client.hkeys(Keys(settings.prefix).kinds)))
    for name in sorted({*found.lists, *settings.shared_inboxes, _USUAL_LIST}):
        tasks = _tasks(client, settings, name)
        ours = Counter({task: count for task, count in tasks.items() if task in known})
        if others := tasks - ours:
            found.messages[name] = others
        if ours and name not in settings.shared_inboxes:
            found.astray[name] = ours
    return found


def _bindings(client: redis.Redis, settings: Settings) -> Iterator[tuple[str, set[str]]]:
    """Yield each exchange that is not of a backdesk, with the queues that are bound to it."""
    cursor, names = 0, set[str]()
    for _ in range(_SCANS):
        answer: Any = client.scan(cursor, f"{_BINDINGS}*", _SCANNED, _type="set")
        cursor, keys = answer
        names |= {key.decode(errors="replace").removeprefix(_BINDINGS) for key in keys}
        if cursor == 0:
            break
    ours = {settings.prefix} | {
        prefix
        for prefix in (name.removesuffix(f".control{_CONTROL}") for name in names)
        if client.exists(Keys(prefix).kinds)
    }
    for name in sorted(names):
        if name.partition(".")[0] not in ours and not name.startswith("reply."):
            members: Any = client.smembers(f"{_BINDINGS}{name}")
            yield name, {member.decode(errors="replace").split(_SEPARATOR)[-1] for member in members}


def _tasks(client: redis.Redis, settings: Settings, name: str) -> Counter[str]:
    with client.pipeline(transaction=False) as pipe:
        for inbox in inboxes(settings.inbox, (name,)):
            if inbox.shared:
                pipe.execute_command(*inbox.next_page)
        pages = pipe.execute(raise_on_error=False)  # a key of this name may be anything
    items = [item for page in pages if isinstance(page, list) for item in page]
    return Counter(task_name(item) or "no task" for item in items)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
