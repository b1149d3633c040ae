"""A Redis list out of which messages of plain Celery clients are taken, and how far it was looked at.

Our own list is for us alone. A shared one is another application's too: what is not for us stays in it, where it is,
and is passed over on the way to what stands behind it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

#: Items read at once.
PAGE = 100
#: How long a list that holds messages of others rests between two passes through it, in seconds.
REST_S = 0.5
#: Lists that kombu makes of one queue name: one a priority step, named by its default separator.
_PRIORITY_LISTS = ("", "\x06\x163", "\x06\x166", "\x06\x169")


@dataclass(slots=True)
class Inbox:
    """One list. Its consumers take from the tail; so do we, and look from there towards the head, a page at a time."""

    name: str
    shared: bool
    #: How many items at the tail this pass has left to others. Some may be gone by now: then as many are passed over
    #: unread, and found by the next pass.
    passed: int = 0
    rest_until: float = 0.0

    @property
    def next_page(self) -> tuple[str, str, int, int]:
        """The command that reads the next page."""
        return "LRANGE", self.name, -self.passed - PAGE, -self.passed - 1

    def note(self, read: int, left: int) -> None:
        """Note what became of a page: so many items were in it, and so many were left where they are."""
        self.passed += left
        if read < PAGE:
            self.rest_until = time.monotonic() + REST_S if self.passed else 0.0
            self.passed = 0

    @property
    def rest_s(self) -> float:
        """For how many seconds it still rests."""
        return max(self.rest_until - time.monotonic(), 0.0)


def inboxes(own: str, shared: tuple[str, ...]) -> Iterator[Inbox]:
    """Yield all lists of our own inbox, and of those that others use too."""
    for name in dict.fromkeys((own, *shared)):
        for suffix in _PRIORITY_LISTS:
            yield Inbox(name + suffix, name != own)
